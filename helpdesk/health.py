"""/healthz: the facts of mailchannel.services.health as JSON, 200 when all is well and 503 when a person is needed."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from mailchannel.services.health import snapshot


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    facts = snapshot()
    return JsonResponse(facts, status=200 if facts["ok"] else 503)
