"""A cleaned mail as the document of a sandboxed frame: no script, no origin of ours, no request we did not allow.

Pictures of the mail itself are embedded as data: a frame without an origin has no session, so it could not fetch them.
"""

from __future__ import annotations

import base64
import html
import math
import re
from collections.abc import Iterable, Mapping
from urllib.parse import unquote

from tickets.blobs import open_blob
from tickets.models import Attachment, Note
from tickets.raster import HEAD_BYTES, raster_type

#: Bigger pictures stay below the message as files; together they must not blow up the page.
MAX_EMBEDDED_BYTES = 2_000_000

# safe_html writes the source right after the tag's name and escapes every other "<", so this finds real images only.
_IMAGE = re.compile(r'<img data-(cid|remote-src|inline)="([^"<>]*)"')
_FOLDED = re.compile(r"<details><summary>.*?</details>", re.DOTALL)
_BLOCK_END = re.compile(r"<(?:br|hr|/p|/div|/li|/tr|/h[1-6]|/blockquote|/pre)\b[^>]*>|\n(?=[^<]*</pre>)")
_SPACED = re.compile(r"</(?:p|h[1-6]|blockquote|pre|ul|ol|table)>")
_TAG = re.compile(r"<[^>]*>")

_DOCUMENT = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src {images}; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer"><meta name="viewport" content="width=device-width">
<style>
:root {{ color-scheme: light }}
body {{ margin: 0; padding: 12px 16px; background: #fff; color: #1c1f1e; overflow-wrap: anywhere;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif }}
body > div > :first-child {{ margin-top: 0 }}
img {{ max-width: 100%; height: auto }}
img:not([src]):not([alt]), img:not([src])[alt=""] {{ display: none }}
table {{ max-width: 100% }}
a {{ color: #0b6b5d }}
pre {{ white-space: pre-wrap }}
blockquote {{ margin: 8px 0; padding-left: 12px; border-left: 3px solid #d5d5cd; color: #565c59 }}
summary {{ cursor: pointer; color: #565c59; font-size: 13px; margin-top: 8px }}
</style></head><body>{body}</body></html>"""


def framed(note: Note, pictures: Mapping[Attachment, str], *, show_remote: bool) -> str:
    """For <iframe sandbox srcdoc>. The note must have been cleaned, see pages.cleaned."""
    own = {_content_id(attachment): data for attachment, data in pictures.items()}
    remote = " http: https:" if show_remote else ""

    def source(match: re.Match[str]) -> str:
        kind, value = match[1], match[2]
        shown = own.get(_named(value), "") if kind == "cid" else value
        return f'<img src="{shown}"' if shown and (kind != "remote-src" or show_remote) else "<img"

    return _DOCUMENT.format(images=f"data:{remote}", body=_IMAGE.sub(source, note.clean_html))


def pictures(clean_html: str, attachments: Iterable[Attachment]) -> dict[Attachment, str]:
    """The attachments the mail shows inside its text, as data. All others have to be listed as files."""
    wanted = {_named(value) for kind, value in _IMAGE.findall(clean_html) if kind == "cid"}
    found: dict[Attachment, str] = {}
    left = MAX_EMBEDDED_BYTES
    for each in attachments:
        if _content_id(each) in wanted and each.size <= left and (data := _as_data(each)):
            wanted.discard(_content_id(each))
            found[each] = data
            left -= each.size
    return found


def has_remote_images(clean_html: str) -> bool:
    return any(kind == "remote-src" for kind, _ in _IMAGE.findall(clean_html))


def likely_height(clean_html: str) -> int:
    """Pixels the frame should begin with. A frame without an origin cannot be measured; readers can drag it taller."""
    visible = _FOLDED.sub("<br>", clean_html)
    lines = _TAG.sub("", _BLOCK_END.sub("\n", visible)).split("\n")
    needed = sum(math.ceil(len(line.strip()) / 76) or 0.6 for line in lines)
    pictures = len(_IMAGE.findall(visible)) - visible.count("<img data-remote-src")
    margins = 18 * len(_SPACED.findall(visible)) + 8 * visible.count("</tr>")
    return min(max(round(23 * needed) + margins + 150 * pictures + 36, 72), 640)


def _content_id(attachment: Attachment) -> str:
    return attachment.content_id.strip("<>")


def _named(value: str) -> str:
    return unquote(html.unescape(value))


def _as_data(attachment: Attachment) -> str:
    try:
        with open_blob(attachment.sha256) as file:
            content = file.read()
    except FileNotFoundError:
        return ""
    kind = raster_type(content[:HEAD_BYTES])
    return f"data:{kind};base64,{base64.b64encode(content).decode()}" if kind else ""
