"""How the sender protected a mail, and which of its parts are there for that."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from mailchannel.kernel.types import PartKind
from mailchannel.parsing.smime import is_sealed, is_signed
from mailchannel.parsing.structure import Node, is_smime

SIGNATURES = {
    "application/pkcs7-signature": "S/MIME",
    "application/x-pkcs7-signature": "S/MIME",
    "application/pgp-signature": "PGP",
}
SEALED_TYPES = ("enveloped-data", "authenveloped-data")
CLOSED = "What was sent may lie inside an S/MIME file, which could not be opened."
PGP_CONTROL = "application/pgp-encrypted"
ARMOUR = re.compile(r"^-----BEGIN PGP (SIGNED )?MESSAGE-----[ \t]*$", re.MULTILINE)
ARMOUR_STANDS_IN = 100_000  # characters


@dataclass(slots=True)
class Protection:
    """`words` such as “signed with PGP”; what somebody must know who looks for the text is a defect."""

    words: list[str] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return " and ".join(dict.fromkeys(self.words))

    def signed(self, way: str) -> None:
        self.words.append(f"signed with {way}")

    def encrypted(self, way: str) -> None:
        self.words.append(f"encrypted with {way}")
        self.defects.append(f"The mail is encrypted with {way}; only somebody with the recipient's key can read it.")


def read_protection(root: Node, text: str) -> Protection:
    """Marks the parts that are signatures or encrypted."""
    found = Protection()
    _walk(root, found, whole=True)
    armour = ARMOUR.search(text, 0, ARMOUR_STANDS_IN)
    if armour:
        found.signed("PGP") if armour[1] else found.encrypted("PGP")
    return found


def _walk(part: Node, found: Protection, *, whole: bool) -> None:
    if any(child.content_type == PGP_CONTROL for child in part.children):
        _mark_encrypted(part, found)
    for child in part.children:
        _walk(child, found, whole=False)
    if part.children or part.role in (PartKind.BODY, PartKind.ALTERNATIVE):
        return
    if part.content_type in SIGNATURES:
        part.role = PartKind.SIGNATURE
        found.signed(SIGNATURES[part.content_type])
    elif part.role is PartKind.SIGNATURE or is_smime(part, whole=whole):
        _envelope(part, found)


def _mark_encrypted(part: Node, found: Protection) -> None:
    """The control part and the data beside it (RFC 3156, 4), also where a server made them mere attachments."""
    found.encrypted("PGP")
    for child in part.children:
        if child.content_type in (PGP_CONTROL, "application/octet-stream"):
            child.role = PartKind.ENCRYPTED


def _envelope(part: Node, found: Protection) -> None:
    """Its content says what it is; the declared smime-type counts only where the content is damaged."""
    content, declared = part.content, part.kind.get("smime-type").lower()
    if is_sealed(content) or declared in SEALED_TYPES:
        part.role = PartKind.ENCRYPTED
        found.encrypted("S/MIME")
    elif part.role is PartKind.SIGNATURE:
        found.signed("S/MIME")
    elif declared != "certs-only":
        if is_signed(content):
            found.signed("S/MIME")
        found.defects.append(CLOSED)
