from mailchannel.models.alert import Alert
from mailchannel.models.defaults import MailDefaults
from mailchannel.models.error_report import ErrorReport
from mailchannel.models.inbound import InboundMail, RawMail
from mailchannel.models.mapping import FieldMapping
from mailchannel.models.outbound import OutboundMail
from mailchannel.models.proxy import Proxy
from mailchannel.models.run import FetchRun
from mailchannel.models.server import Alias, AllowedDomain, FolderMapping, MailServer
from mailchannel.models.sign_in import Consent, SignIn
from mailchannel.models.version import SettingsVersion

__all__ = [
    "Alert",
    "Alias",
    "AllowedDomain",
    "Consent",
    "ErrorReport",
    "FetchRun",
    "FieldMapping",
    "FolderMapping",
    "InboundMail",
    "MailDefaults",
    "MailServer",
    "OutboundMail",
    "Proxy",
    "RawMail",
    "SettingsVersion",
    "SignIn",
]
