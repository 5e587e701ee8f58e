"""Which files are pictures a browser may draw. Their first bytes decide, never what a mail says of them."""

from __future__ import annotations

HEAD_BYTES = 12


def raster_type(head: bytes) -> str:
    """The content type, or nothing. SVG is a program in disguise and never counts."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head[4:12] == b"ftypavif":
        return "image/avif"
    if head[:2] == b"BM" and head[6:10] == bytes(4):
        return "image/bmp"
    return ""
