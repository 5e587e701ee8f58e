"""Who may use the agents' pages."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django_htmx.middleware import HtmxDetails

PERMISSION = "tickets.work_tickets"
PERMISSION_NAME = "Can read and answer tickets"
_P = ParamSpec("_P")


class AgentRequest(HttpRequest):
    """A request of somebody who is logged in and works tickets."""

    user: User
    htmx: HtmxDetails


def agents_only(
    view: Callable[Concatenate[AgentRequest, _P], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, _P], HttpResponseBase]:
    @wraps(view)
    def guarded(request: AgentRequest, *args: _P.args, **kwargs: _P.kwargs) -> HttpResponseBase:
        if not request.user.is_authenticated:
            # A list that polls must not be replaced by the login page under the hands of somebody who types.
            return HttpResponse(status=204) if request.htmx else redirect_to_login(request.get_full_path())
        if not request.user.has_perm(PERMISSION):
            raise PermissionDenied(PERMISSION_NAME)
        return view(request, *args, **kwargs)

    return guarded  # type: ignore[return-value]
