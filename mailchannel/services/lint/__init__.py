"""What is allowed but looks like a mistake: rules that fight each other, rules that cannot matter, rules that hit too
many. Nothing here keeps anybody from publishing; what does is in `readiness`.
"""

from __future__ import annotations

from mailchannel.compose.confirmation import CONFIRMATION_SPECS
from mailchannel.kernel.specs import with_defaults
from mailchannel.models import MailServer
from mailchannel.pipeline.gates import acceptance_specs
from mailchannel.pipeline.routing import ROUTING_SPECS
from mailchannel.services import file_settings, trouble
from mailchannel.services.config import freeze
from mailchannel.services.legible import legible
from mailchannel.services.lint import answers, certificates, cloud, folders, mailbox, senders, sign_in, ticket, words
from mailchannel.services.lint.history import recent
from mailchannel.services.lint.remark import Draft, Remark, Rule

__all__ = ["Remark", "lint"]

RULES: tuple[Rule, ...] = (
    *mailbox.RULES,
    *cloud.RULES,
    *sign_in.RULES,
    *certificates.RULES,
    *folders.RULES,
    *senders.RULES,
    *words.RULES,
    *ticket.RULES,
    *answers.RULES,
)


def lint(server: MailServer) -> list[Remark]:
    """In the order of the wizard's steps. Reads the database, never the mailbox."""
    server = legible(server)
    draft = Draft(
        server=server,
        channel=freeze(server),
        accept=with_defaults(acceptance_specs(), server.acceptance),
        files=file_settings.in_force(server),
        trouble=trouble.in_force(server),
        routing=with_defaults(ROUTING_SPECS, server.routing),
        confirmation=with_defaults(CONFIRMATION_SPECS, server.confirmation),
        history=recent(server),
    )
    return [remark for rule in RULES for remark in rule(draft)]
