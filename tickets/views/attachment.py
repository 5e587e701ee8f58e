"""Files of a ticket, served so that no browser runs them."""

from __future__ import annotations

import unicodedata

from django.http import FileResponse, Http404
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from tickets.blobs import open_blob
from tickets.models import Attachment
from tickets.numbering import parse_number
from tickets.raster import HEAD_BYTES, raster_type
from tickets.views.access import AgentRequest, agents_only

_INERT = "default-src 'none'; sandbox"


@require_safe
@agents_only
def attachment(request: AgentRequest, number: str, pk: int) -> HttpResponseBase:
    """A download; `?view` shows it in the browser when it is a picture."""
    row = get_object_or_404(Attachment, pk=pk, note__ticket=parse_number(number) or 0)
    try:
        file = open_blob(row.sha256)
    except FileNotFoundError:
        raise Http404(f"The file {row.filename} is missing from the storage.") from None
    picture = raster_type(file.read(HEAD_BYTES)) if "view" in request.GET else ""
    file.seek(0)
    response = FileResponse(file, as_attachment=not picture, filename=download_name(row.filename))
    response["Content-Type"] = picture or "application/octet-stream"
    response["Content-Security-Policy"] = _INERT
    response["Cache-Control"] = "private, max-age=3600"
    return response


def download_name(name: str) -> str:
    """Normalised first, checked after: what a compatibility character turns into must not slip through."""
    normal = unicodedata.normalize("NFKC", name)
    plain = "".join("_" if each in '/\\:"' else each for each in normal if unicodedata.category(each)[0] != "C")
    return plain.strip(". ")[:150] or "attachment"
