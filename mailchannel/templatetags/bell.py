"""How many alerts the person in front of this page has not read."""

from __future__ import annotations

from typing import Any

from django import template

from mailchannel.services import alerts

register = template.Library()


@register.simple_tag
def unread_alerts(user: Any) -> int:
    return alerts.unread(user).count()


@register.filter
def sees_alerts(user: Any) -> bool:
    return alerts.may_see(user)
