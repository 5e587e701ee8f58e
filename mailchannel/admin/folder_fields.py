"""The inputs only the Folders step has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.datastructures import MultiValueDict

from mailchannel.admin.fields import LinesField
from mailchannel.services import validation


class FolderLines(forms.Textarea):
    """Folders ticked in the live list and folders typed below it are one list: both have the same name."""

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> str:
        return "\n".join(data.getlist(name)) if isinstance(data, MultiValueDict) else data.get(name) or ""


class FolderField(LinesField):
    widget = FolderLines

    def to_python(self, value: Any) -> Any:
        return list(dict.fromkeys(super().to_python(value)))


class StartField(forms.SplitDateTimeField):
    """Date and time in two boxes of the browser's own."""

    def __init__(self, **options: Any) -> None:
        widget = forms.SplitDateTimeWidget(
            date_attrs={"type": "date", "aria-label": "Date"},
            time_attrs={"type": "time", "step": "1", "aria-label": "Time"},
            date_format="%Y-%m-%d",
            time_format="%H:%M:%S",
        )
        super().__init__(widget=widget, validators=[validation.start], **options)
