"""`format=flowed` (RFC 3676): lines that a mail program broke, joined again."""

from __future__ import annotations


def unflow(text: str, *, delete_space: bool = False) -> str:
    """A line that ends in a blank goes on in the next one, if both are quoted equally deep."""
    joined: list[str] = []
    open_depth = -1  # of the line that wants to go on; -1: none does
    for line in text.split("\n"):
        content = line.lstrip(">")
        depth = len(line) - len(content)
        content = content.removeprefix(" ")  # space-stuffing
        flows = content.endswith(" ") and content != "-- "
        if delete_space and flows:
            content = content[:-1]
        if depth == open_depth and content != "-- ":
            joined.append(content)
        else:
            joined.append(("\n" if joined else "") + (">" * depth + " " if depth else "") + content)
        open_depth = depth if flows else -1
    return "".join(joined)
