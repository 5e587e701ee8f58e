"""System defaults: the one page with the settings of every mail server that says nothing of its own."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from mailchannel.admin.fields import LinesField, form_field
from mailchannel.kernel.specs import FieldSpec
from mailchannel.models import MailDefaults
from mailchannel.pipeline.file_rules import FILE_SPECS
from mailchannel.services import alert_settings, file_settings, validation
from mailchannel.services.alert_settings import ALERT_SPECS

if TYPE_CHECKING:
    Base = admin.ModelAdmin[MailDefaults]  # a type argument the class does not take at run time
    Form = forms.ModelForm[MailDefaults]
else:
    Base = admin.ModelAdmin
    Form = forms.ModelForm


class DefaultsForm(Form):
    """One field for each attachment rule, and for each setting of who is told when."""

    class Meta:
        model = MailDefaults
        fields: tuple[str, ...] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        in_force = file_settings.system_wide()
        for spec in FILE_SPECS:
            self.fields[spec.name] = form_field(spec, in_force[spec.name])
        told = alert_settings.current()
        for spec in ALERT_SPECS:
            self.fields[spec.name] = form_field(spec, told[spec.name])
        for name, check in file_settings.CHECKS.items():
            field = self.fields[name]
            if isinstance(field, LinesField):
                field.check = partial(validation.each, check)

    def changed(self, specs: Iterable[FieldSpec]) -> bool:
        """Whether one of these settings was changed."""
        return any(spec.name in self.changed_data for spec in specs)

    def values(self, specs: Iterable[FieldSpec]) -> dict[str, Any]:
        return {spec.name: self.cleaned_data[spec.name] for spec in specs}


@admin.register(MailDefaults)
class MailDefaultsAdmin(Base):
    form = DefaultsForm
    fieldsets = (
        ("Attachments", {"fields": tuple(spec.name for spec in FILE_SPECS)}),
        ("Alerts and upkeep", {"fields": tuple(spec.name for spec in ALERT_SPECS)}),
    )

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        return redirect("admin:mailchannel_maildefaults_change", 1)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        extra = {"title": "System defaults", "subtitle": None, **(extra_context or {})}
        return super().change_view(request, object_id, form_url, extra)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> MailDefaults:
        """The page is there before anything was stored."""
        return MailDefaults.current()

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """The fields are not columns: Django must not look for them in the table."""
        return super().get_form(request, obj, change, **{**kwargs, "fields": ()})

    def save_model(self, request: HttpRequest, obj: MailDefaults, form: Any, change: bool) -> None:
        if form.changed(FILE_SPECS):
            file_settings.save_system_wide(form.values(FILE_SPECS), by=_person(request))
        if form.changed(ALERT_SPECS):
            alert_settings.save(form.values(ALERT_SPECS), by=_person(request))

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """The service has recorded it already."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def _person(request: HttpRequest) -> Any:
    """Somebody who is signed in: the admin lets nobody else through."""
    return request.user
