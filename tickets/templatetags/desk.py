"""How the agents' pages write names, times and quoted text."""

from __future__ import annotations

import re
from datetime import datetime

from django import template
from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from tickets.forms import AnswerForm

register = template.Library()

_ADDRESS = re.compile(r"(https?://[^\s<>\"]{1,2000})")
_SHOWN_ADMINISTRATORS = 3


@register.filter
def initials(name: object) -> str:
    """Anna Weber → AW, anna.weber@example.com → AW."""
    words = re.findall(r"\w+", str(name).partition("@")[0]) or ["?"]
    return "".join(word[0] for word in dict.fromkeys((words[0], words[-1]))).upper()


@register.filter
def person(user: User | None) -> str:
    return user.get_full_name() or user.get_username() if user else "Somebody"


@register.filter
def ago(moment: datetime) -> str:
    """Short enough for a list: now, 4 min, 3 h, yesterday, 12 Mar."""
    minutes = int((timezone.now() - moment).total_seconds() // 60)
    days = (timezone.localdate() - timezone.localdate(moment)).days
    if minutes < 1:
        return "now"
    if minutes < 60:
        return f"{minutes} min"
    if days == 0:
        return f"{minutes // 60} h"
    return "yesterday" if days == 1 else _date(moment)


@register.filter
def clock(moment: datetime) -> str:
    """For a conversation: Today 9:52, Yesterday 16:20, 12 Mar 8:05."""
    days = (timezone.localdate() - timezone.localdate(moment)).days
    day = {0: "Today", 1: "Yesterday"}.get(days) or _date(moment)
    return f"{day} {date_format(timezone.localtime(moment), 'G:i')}"


@register.filter
def linked(text: str) -> SafeString:
    """Escaped text in which web addresses can be clicked."""
    return format_html_join("", "{}", ((_link(piece),) for piece in _ADDRESS.split(text)))


@register.filter
def is_note(form: AnswerForm) -> bool:
    return bool(form["kind"].value() == AnswerForm.NOTE)


@register.simple_tag
def administrators() -> list[str]:
    """Whom to ask for a permission."""
    people = User.objects.filter(is_active=True, is_superuser=True).order_by("pk")[:_SHOWN_ADMINISTRATORS]
    return [person(each) for each in people]


def _link(piece: str) -> str:
    if not _ADDRESS.fullmatch(piece):
        return piece
    address = piece.rstrip(".,;:!?)]'")
    link = '<a href="{0}" rel="noopener noreferrer nofollow" target="_blank">{0}</a>{1}'
    return format_html(link, address, piece[len(address) :])


def _date(moment: datetime) -> str:
    this_year = timezone.localdate(moment).year == timezone.localdate().year
    return date_format(timezone.localtime(moment), "j M" if this_year else "j M Y")
