"""What Graph says of a message in a list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

#: PidTagMessageSize, which the message of Graph does not have.
SIZE: Final = "Integer 0xe08"
#: To be asked for; all but `size_of` stands in the message under its name.
DETAILS: Final = {
    "select": "id,receivedDateTime,isRead,isDraft,parentFolderId",
    "expand": f"singleValueExtendedProperties($filter=id eq '{SIZE}')",
}


def size_of(message: Mapping[str, Any]) -> int:
    """Bytes, 0 where it is not said. About as large as the mail: Exchange counts what it stores, not what it writes."""
    found = message.get("singleValueExtendedProperties")
    for each in found if isinstance(found, list) else ():
        if isinstance(each, dict) and str(each.get("id")).lower() == SIZE.lower():
            value = str(each.get("value"))
            return int(value) if value.isdecimal() else 0
    return 0
