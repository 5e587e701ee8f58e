"""A cleaned mail as the document of a sandboxed frame: no script, no origin of ours, no request we did not allow.

Pictures of the mail itself are embedded as data: a frame without an origin has no session, so it could not fetch them.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterable, Mapping
from urllib.parse import unquote

from tickets.blobs import open_blob
from tickets.models import Attachment, Note
from tickets.outside import is_outside
from tickets.raster import HEAD_BYTES, raster_type

#: Bigger pictures stay below the message as files; together they must not blow up the page.
MAX_EMBEDDED_BYTES = 2_000_000

# safe_html writes the source right after the tag's name and escapes every other "<", so this finds real images only.
_IMAGE = re.compile(r'<img data-(cid|remote-src|inline)="([^"<>]*)"')
_COLOURED = re.compile(r"<[^<>]*\b(?:color: |color=|bgcolor=)")

#: A mail with colours of its own was made for white paper. Any other follows the desk into the dark.
_WHITE = """:root { color-scheme: light; --paper: #fff; --ink: #1c1f1e; --quiet: #565c59; --link: #0b6b5d;
  --line: #d5d5cd }"""
_LIKE_THE_DESK = """:root { color-scheme: light dark; --paper: light-dark(#fff, #16181b);
  --ink: light-dark(#1c1f1e, #eceeec); --quiet: light-dark(#565c59, #a7aeab); --link: light-dark(#0b6b5d, #4cc3ad);
  --line: light-dark(#d5d5cd, #3d434a) }
@media (prefers-color-scheme: dark) { img[src] { background: #fff; color: #1c1f1e } }"""

_DOCUMENT = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src {images}; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer"><meta name="viewport" content="width=device-width">
<style>
{colours}
body {{ margin: 0; background: var(--paper); color: var(--ink); overflow-wrap: break-word;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif }}
body > div {{ box-sizing: border-box; min-height: 100vh; padding: 12px 16px }}
body > div > :first-child {{ margin-top: 0 }}
:is(p, div, li, td, th, pre, blockquote, h1, h2, h3, h4, h5, h6):not([dir], [dir] *) {{ unicode-bidi: plaintext }}
img {{ max-width: 100%; height: auto }}
img:not([src]):not([alt]), img:not([src])[alt=""] {{ display: none }}
table {{ max-width: 100% }}
a {{ color: var(--link); overflow-wrap: anywhere }}
pre {{ white-space: pre-wrap }}
blockquote {{ margin: 8px 0; padding-left: 12px; border-left: 3px solid var(--line); color: var(--quiet) }}
summary {{ cursor: pointer; color: var(--quiet); font-size: 13px; margin-top: 8px }}
@media (width < 640px) {{
  * {{ max-width: 100% !important; min-width: 0 !important }}
  table, tbody, tr, td, th, div {{ width: auto !important; height: auto !important }}
  img {{ max-width: min(100%, 100vw - 32px) !important; height: auto !important }}
}}
</style></head><body>{body}</body></html>"""


def framed(note: Note, pictures: Mapping[Attachment, str], *, show_remote: bool) -> str:
    """For <iframe sandbox srcdoc>. The note must have been cleaned, see pages.cleaned."""
    own = {_content_id(attachment): data for attachment, data in pictures.items()}
    remote = " http: https:" if show_remote else ""

    def source(match: re.Match[str]) -> str:
        kind, value = match[1], match[2]
        shown = own.get(_named(value), "") if kind == "cid" else value
        held = kind == "remote-src" and not (show_remote and _may_be_asked_for(value))
        return f'<img src="{shown}"' if shown and not held else "<img"

    colours = _WHITE if _COLOURED.search(note.clean_html) else _LIKE_THE_DESK
    body = _IMAGE.sub(source, note.clean_html)
    return _DOCUMENT.format(images=f"data:{remote}", colours=colours, body=body)


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
    """Whether there are pictures that `show_remote` would show."""
    return any(kind == "remote-src" and _may_be_asked_for(value) for kind, value in _IMAGE.findall(clean_html))


def _may_be_asked_for(source: str) -> bool:
    """A mail must not make an agent's browser ask this installation, or a machine beside it, for anything."""
    return is_outside(html.unescape(source))


def _content_id(attachment: Attachment) -> str:
    return _plain(attachment.content_id)


def _named(value: str) -> str:
    return _plain(html.unescape(value))


def _plain(content_id: str) -> str:
    """Some programs encode it as RFC 2392 wants, some do not; some keep the brackets; some change its case."""
    return "".join(unquote(content_id).split()).strip("<>").casefold()


def _as_data(attachment: Attachment) -> str:
    try:
        with open_blob(attachment.sha256) as file:
            content = file.read()
    except FileNotFoundError:
        return ""
    kind = raster_type(content[:HEAD_BYTES])
    return f"data:{kind};base64,{base64.b64encode(content).decode()}" if kind else ""
