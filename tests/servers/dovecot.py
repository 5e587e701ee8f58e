"""A private Dovecot on loopback: any number of users, with the abilities a test wants it to have."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.servers.certificates import Pair
from tests.servers.loopback import HOST, end_with_parent, free_port, greets, wait_until
from tests.servers.mailbox import Mailbox

BINARY = shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")

#: What Dovecot 2.3 announces after login; leaving a word out hides the ability from clients.
CAPABILITIES = (
    "IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE SORT THREAD=REFERENCES MULTIAPPEND URL-PARTIAL CATENATE UNSELECT "
    "CHILDREN NAMESPACE UIDPLUS LIST-EXTENDED I18NLEVEL=1 ESEARCH ESORT SEARCHRES WITHIN CONTEXT=SEARCH LIST-STATUS "
    "BINARY MOVE SPECIAL-USE LITERAL+"
)


@dataclass(frozen=True)
class Options:
    """How this server differs from an ordinary one."""

    hidden: tuple[str, ...] = ()  # capabilities it does not announce
    prefix: str = ""  # of the personal namespace, "INBOX." as on Courier and old Cyrus
    separator: str = "/"
    longest_line: int = 65_536  # bytes of a command; RFC 7162 (4) asks for 8192 at least
    token_key: str = ""  # the public key (PEM) of whoever makes access tokens; empty: passwords only

    @property
    def mechanisms(self) -> str:
        return "plain xoauth2" if self.token_key else "plain"

    @property
    def capabilities(self) -> str:
        """A setting only when something is hidden: with it, Dovecot tells everything before login as well."""
        shown = " ".join(word for word in CAPABILITIES.split() if word not in self.hidden)
        return f"imap_capability = {shown}" if self.hidden else ""


class Dovecot:
    """One server process. Users are made on the fly, each with an empty mailbox."""

    def __init__(self, options: Options, certificate: Pair) -> None:
        self._options = options
        self._certificate = certificate
        # A short path: Dovecot keeps Unix sockets there, and their names end at 108 bytes.
        self._directory = Path(tempfile.mkdtemp(prefix="dc"))
        self._said = self._directory / "said.txt"
        self._users = 0
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.tls_port = free_port()
        self.pop3_port = free_port()
        self.pop3_tls_port = free_port()

    def start(self) -> Dovecot:
        assert BINARY is not None
        self._directory.chmod(0o755)
        account = _account()
        for path in (self._directory / "mail", self._directory / "users"):
            path.mkdir()
            os.chown(path, account.pw_uid, account.pw_gid)
        if self._options.token_key:
            self._write_token_settings(account)
        configuration = self._directory / "dovecot.conf"
        configuration.write_text(self._configuration(account))
        # Into a file: a pipe nobody reads would stop a server that says much.
        with self._said.open("wb") as said:
            self._process = subprocess.Popen(
                [BINARY, "-F", "-c", str(configuration)],
                stderr=said,
                start_new_session=True,
                preexec_fn=end_with_parent,
            )
        try:
            wait_until(self._answers, what="Dovecot's greeting")
        except TimeoutError as error:
            raise RuntimeError(f"Dovecot does not greet: {self._words()}") from error
        return self

    def terminate(self) -> None:
        """Asks it to end; `stop` waits. Apart, so that several can end at the same time."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)

    def stop(self) -> None:
        if self._process is not None:
            self._process.wait(timeout=10)
        shutil.rmtree(self._directory, ignore_errors=True)

    def mailbox(self, username: str = "", password: str = "secret") -> Mailbox:
        """A fresh user."""
        self._users += 1
        username = username or f"user{self._users}@example.com"
        # A file each: Dovecot looks for changes in a file it knows only once a second.
        (self._directory / "users" / username).write_text(f"{username}:{{PLAIN}}{password}::::::\n")
        return Mailbox(
            username=username,
            password=password,
            port=self.port,
            tls_port=self.tls_port,
            pop3_port=self.pop3_port,
            pop3_tls_port=self.pop3_tls_port,
            directory=self._directory / "mail" / username / "Maildir",
        )

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"Dovecot ended: {self._words()}")
        return greets(self.port, b"* OK")

    def _write_token_settings(self, account: pwd.struct_passwd) -> None:
        """Dovecot checks the tokens itself, by their signature. It reads keys as the user it drops to."""
        keys = self._directory / "keys" / "default" / "RS256"
        keys.mkdir(parents=True)
        (keys / "k1").write_text(self._options.token_key)
        for path in (self._directory / "keys", *(self._directory / "keys").rglob("*")):
            os.chown(path, account.pw_uid, account.pw_gid)
        (self._directory / "oauth2.conf").write_text(
            "introspection_mode = local\nusername_attribute = email\n"
            f"local_validation_key_dict = fs:posix:prefix={self._directory}/keys/\n"
        )

    def _words(self) -> str:
        """What it said before it had a log, and its log."""
        told = (self._said, self._directory / "dovecot.log")
        return " ".join(each.read_text(errors="replace") for each in told if each.exists())

    def _configuration(self, account: pwd.struct_passwd) -> str:
        return TEMPLATE.format(
            directory=self._directory,
            account=account.pw_name,
            group=grp.getgrgid(account.pw_gid).gr_name,
            uid=account.pw_uid,
            gid=account.pw_gid,
            capabilities=self._options.capabilities,
            mechanisms=self._options.mechanisms,
            tokens=TOKENS.format(directory=self._directory) if self._options.token_key else "",
            certificate=self._certificate.certificate,
            key=self._certificate.key,
            prefix=self._options.prefix,
            separator=self._options.separator,
            longest_line=self._options.longest_line,
            host=HOST,
            port=self.port,
            tls_port=self.tls_port,
            pop3_port=self.pop3_port,
            pop3_tls_port=self.pop3_tls_port,
            # Only root may change its root directory, and only then does Dovecot want it.
            chroots="" if os.geteuid() == 0 else CHROOTS,
        )


def _account() -> pwd.struct_passwd:
    """Mail never runs as root."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())


CHROOTS = "".join(f"service {name} {{\n chroot =\n}}\n" for name in ("anvil", "imap-login", "pop3-login"))

TOKENS = "passdb {{\n driver = oauth2\n mechanisms = xoauth2\n args = {directory}/oauth2.conf\n}}\n"

# Over POP3 a mail has the name it has over IMAP, and reading leaves no flags: whether it does is the server's choice.
# The anvil listener is switched off because a few wrong passwords would make later logins wait for seconds.
TEMPLATE = r"""
base_dir = {directory}/run
state_dir = {directory}/state
log_path = {directory}/dovecot.log
protocols = imap pop3
listen = {host}
default_internal_user = {account}
default_internal_group = {group}
default_login_user = {account}
first_valid_uid = 1
mail_uid = {uid}
mail_gid = {gid}
mail_location = maildir:~/Maildir
mail_fsync = never
mail_max_userip_connections = 100
imap_max_line_length = {longest_line}
pop3_uidl_format = %u
pop3_no_flag_updates = yes
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
disable_plaintext_auth = no
auth_mechanisms = {mechanisms}
auth_failure_delay = 0 secs
auth_username_chars =
{capabilities}
{tokens}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {directory}/users/%u
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={directory}/mail/%u
}}
namespace inbox {{
  inbox = yes
  prefix = {prefix}
  separator = {separator}
  mailbox Junk {{
    auto = subscribe
    special_use = \Junk
  }}
}}
service imap-login {{
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {pop3_port}
  }}
  inet_listener pop3s {{
    port = {pop3_tls_port}
    ssl = yes
  }}
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
{chroots}
"""
