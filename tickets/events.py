"""What happened to a ticket. Sent inside the transaction; receivers may only write rows."""

from __future__ import annotations

from django.dispatch import Signal

#: note: Note, recipients: the addresses it must reach
agent_replied = Signal()
