"""Stands before everything else a request passes."""

from __future__ import annotations

from collections.abc import Callable

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import resolve

from mailchannel.webhooks.urls import PREFIX

Answer = Callable[[HttpRequest], HttpResponse]


class Doorway:
    """Posted mail goes straight to its view: a check of the host name, of a cookie or of a slash would answer with a
    redirect or with 400 or 403, and the provider would give the mail up.
    """

    def __init__(self, get_response: Answer) -> None:
        self._others = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith(PREFIX):
            return self._others(request)
        try:
            found = resolve(request.path_info)
        except Http404:
            return HttpResponse("There is no such inbox.\n", status=404, content_type="text/plain; charset=utf-8")
        answer: HttpResponse = found.func(request, *found.args, **found.kwargs)
        return answer
