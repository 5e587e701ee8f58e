from mailchannel.models.defaults import MailDefaults
from mailchannel.models.inbound import InboundMail, RawMail
from mailchannel.models.mapping import FieldMapping
from mailchannel.models.outbound import OutboundMail
from mailchannel.models.run import FetchRun
from mailchannel.models.server import Alias, AllowedDomain, FolderMapping, MailServer

__all__ = [
    "Alias",
    "AllowedDomain",
    "FetchRun",
    "FieldMapping",
    "FolderMapping",
    "InboundMail",
    "MailDefaults",
    "MailServer",
    "OutboundMail",
    "RawMail",
]
