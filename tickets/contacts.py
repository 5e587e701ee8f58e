"""People who write to us, found by their address or made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tickets.models import Contact


def contact_for(email: str, name: str = "") -> Contact:
    """The contact with this canonical address."""
    return contacts_for({email: name})[email]


def contacts_for(names: Mapping[str, str]) -> dict[str, Contact]:
    """Address → contact. A name is taken over the first time one is given."""
    found = _contacts(names)
    missing = [Contact(email=email, name=name[:200]) for email, name in names.items() if email not in found]
    if missing:
        # Another worker may write the same people at this moment; whoever was first has made them.
        Contact.objects.bulk_create(missing, ignore_conflicts=True)
        found |= _contacts(contact.email for contact in missing)
    for email, name in names.items():
        if name and not found[email].name:
            found[email].name = name[:200]
            found[email].save(update_fields=["name"])
    return found


def _contacts(emails: Iterable[str]) -> dict[str, Contact]:
    return {contact.email: contact for contact in Contact.objects.filter(email__in=list(emails))}
