"""For what servers say when they refuse, there is one thing to do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mailchannel.services.doctor.remedies import LONGEST, REMEDIES, remedy

REFUSED = "imap.example.com did not accept user name and password: "
POP3 = "pop.example.com lets us into this mailbox no more: "
SMTP = "Sending: smtp.example.com did not accept user name and password: "
GRAPH = "graph.microsoft.com says: "
NO_LICENCE = "Microsoft 365 has no mailbox for a@example.com: the licence for Exchange Online is missing, or"
CERTIFICATE = "The certificate of imap.example.com "

#: What is said, by the server or by us → the remedy it needs.
SAID = [
    ("The name imap.exampel.com is unknown. Check its spelling.", "name_unknown"),
    ("'https://imap.example.com' is not a host name. Enter just the name.", "name_wrong"),
    ("imap.example.com lies inside a private or reserved network, where we do not connect.", "private_address"),
    ("No IMAP server answered at imap.example.com, port 993.", "nobody_answers"),
    ("No SMTP server answered at smtp.example.com, port 535.", "nobody_answers"),
    ("imap.example.com stopped answering, so we hung up.", "too_slow"),
    ("imap.example.com closed the connection in the middle of the conversation.", "cut_off"),
    (f"{CERTIFICATE}has expired. We did not send the password.", "certificate_expired"),
    (f"{CERTIFICATE}is not valid yet (check this machine's clock).", "certificate_early"),
    (f"{CERTIFICATE}is self-signed, so anybody could have made it.", "certificate_self_signed"),
    (f"{CERTIFICATE}was issued by an authority this machine does not trust.", "certificate_authority"),
    (f"{CERTIFICATE}belongs to another host name.", "certificate_name"),
    (f"{CERTIFICATE}belongs to another address.", "certificate_name"),
    (f"{CERTIFICATE}has been revoked.", "certificate_revoked"),
    (f"{CERTIFICATE}cannot be trusted (path length exceeded).", "certificate_other"),
    ("imap.example.com only offers encryption that is too old to be safe.", "tls_outdated"),
    ("imap.example.com does not offer STARTTLS on port 143.", "starttls_missing"),
    ("smtp.example.com refused: 530 5.7.0 Must issue a STARTTLS command first", "encrypt_first"),
    (f"{SMTP}538 5.7.11 Encryption required for requested authentication mechanism", "encrypt_first"),
    ("imap.example.com takes no password on this connection.", "encrypt_first"),
    (f"{REFUSED}[PRIVACYREQUIRED] Plaintext authentication disallowed on non-secure connections", "encrypt_first"),
    ("mail.example.com does not accept our access token for a@example.com. Sign in again.", "token_refused"),
    (f"Microsoft no longer accepts our access. {GRAPH}401 InvalidAuthenticationToken expired", "token_refused"),
    (f"{NO_LICENCE} {GRAPH}404 MailboxNotEnabledForRESTAPI The mailbox is inactive or on-premise.", "no_licence"),
    (f"We may not do this in a@example.com. {GRAPH}403 ErrorAccessDenied Access is denied.", "may_not"),
    (f"There is no mailbox a@example.com. {GRAPH}404 ErrorInvalidUser The user is invalid.", "no_mailbox"),
    ("mail.example.com knows no mailbox a@example.com. Check the mailbox address.", "no_mailbox"),
    ("What answered at graph.microsoft.us is not Microsoft Graph (status 200).", "not_the_service"),
    ("mail.example.com answered, but not as Exchange Web Services do (HTTP 404).", "not_the_service"),
    ("“mail.example.com” is no connect URL.", "not_the_service"),
    ("mail.example.com sends us on to login.example.com, where we do not follow", "sent_elsewhere"),
    ("mail.example.com knows us and refuses. Exchange Web Services may be switched off for a@example.com.", "ews_switched_off"),
    ("mail.example.com does not let us act for a@example.com. Whoever signs in needs the role ApplicationImpersonation.", "impersonation"),
    ("With this access token, mail.example.com opens a mailbox only by impersonation.", "impersonation"),
    ("mail.example.com does not let us into a@example.com. Give full access to that mailbox to whoever signs in", "full_access"),
    ("mail.example.com does not offer this way to sign in. It offers Negotiate.", "other_sign_in"),
    ("mail.example.com broke off while we signed in by NTLM.", "ntlm_broken"),
    ("mail.example.com is busy and asks us to wait for 30 seconds.", "left_alone"),
    ("graph.microsoft.com asks for fewer requests and wants us to wait for 30 seconds.", "left_alone"),
    (f"{REFUSED}[ALERT] Application-specific password required (Failure)", "app_password"),
    (f"{SMTP}534 5.7.9 Application-specific password required.", "app_password"),
    (f"{REFUSED}[AUTHENTICATIONFAILED] Please generate an app password and try again", "app_password"),
    (f"{REFUSED}[ALERT] Please log in via your web browser (Failure)", "browser_first"),
    (f"{SMTP}534 5.7.14 Please log in via your web browser and then try again.", "browser_first"),
    (f"{SMTP}535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.", "smtp_auth_disabled"),
    (f"{SMTP}535 5.7.139 Authentication unsuccessful, basic authentication is disabled.", "basic_auth_disabled"),
    (f"{REFUSED}AuthFailed:LogonDenied-BasicAuthBlocked", "basic_auth_disabled"),
    (f"{REFUSED}[ALERT] Your account is not enabled for IMAP use.", "imap_disabled"),
    (f"{REFUSED}IMAP access is disabled for your domain.", "imap_disabled"),
    (f"{POP3}[SYS/PERM] Your account is not enabled for POP access. Please visit your settings page.", "pop3_disabled"),
    (f"{REFUSED}[AUTH] POP3 is disabled for this account", "pop3_disabled"),
    (f"{REFUSED}[EXPIRED] That password isn't valid any more", "password_expired"),
    (f"{REFUSED}Your account has been temporarily locked", "account_locked"),
    (f"{REFUSED}[AUTHORIZATIONFAILED] No such authorization-ID", "not_allowed"),
    (f"{SMTP}454 4.7.0 Too many login attempts, please try again later.", "too_many_tries"),
    ("imap.example.com cannot let anybody in right now: [LIMIT] Rate limit hit.", "too_many_connections"),
    (f"{REFUSED}[ALERT] Too many simultaneous connections. (Failure)", "too_many_connections"),
    (f"{REFUSED}Maximum number of connections from user+IP exceeded (mail_max_userip_connections=10)", "too_many_connections"),
    ("imap.example.com cannot let anybody in right now: [UNAVAILABLE] Temporary authentication failure.", "unavailable"),
    ("imap.example.com cannot let anybody in right now: [SERVERBUG] Internal error", "unavailable"),
    ("imap.example.com cannot let anybody in right now: [INUSE] Mailbox is locked", "in_use"),
    ("pop.example.com cannot let anybody in right now: [IN-USE] The mailbox is locked", "in_use"),
    ("pop.example.com cannot let anybody in right now: [LOGIN-DELAY] Wait a minute", "too_often"),
    ("pop.example.com cannot let anybody in right now: [SYS/TEMP] Try later", "unavailable"),
    ("imap.example.com cannot let anybody in right now: [CONTACTADMIN] See us", "contact_admin"),
    (f"{SMTP}534 5.7.0 Authentication mechanism is too weak", "mechanism_too_weak"),
    ("smtp.example.com refused: 530 5.7.0 Authentication required", "sign_in_needed"),
    ("smtp.example.com does not ask for a password on this connection.", "no_sign_in_offered"),
    (f"{REFUSED}[AUTHENTICATIONFAILED] Authentication failed.", "credentials"),
    (f"{REFUSED}[AUTH] Authentication failed.", "credentials"),
    (f"{SMTP}535 5.7.8 Error: authentication failed", "credentials"),
    ("The folder “Customers” does not exist on the server or may not be opened.", "folder_missing"),
    ("imap.example.com refused: [OVERQUOTA] Quota exceeded", "mailbox_full"),
    ("The mailbox a@example.com is full. Delete something there, or have its limit raised.", "mailbox_full"),
    ("smtp.example.com refused bob@example.com (452 4.2.2 mailbox full)", "mailbox_full"),
    ("imap.example.com refused: [NOPERM] Permission denied", "no_permission"),
    ("smtp.example.com refused bob@example.com (554 5.7.1 <bob@example.com>: Relay access denied)", "relay_refused"),
    ("smtp.example.com refused bob@example.com (550 5.7.54 Unable to relay recipient)", "relay_refused"),
    ("smtp.example.com refused: 554 5.2.252 SendAsDenied; support@example.com not allowed", "sender_refused"),
    ("smtp.example.com refused: 553 5.7.1 Sender address rejected: not owned by user kim", "sender_refused"),
    ("smtp.example.com refused: 554 5.7.1 Service unavailable; blocked using zen.spamhaus.org", "listed"),
    ("smtp.example.com refused: 552 5.3.4 Message size exceeds fixed limit", "too_large"),
    ("smtp.example.com refused: 421 4.7.0 Try again later", "busy"),
    ("smtp.example.com refused: 554 5.0.0 No SMTP service here", "turned_away"),
    ("imap.example.com turned us away: go elsewhere", "turned_away"),
    ("imap.example.com gave an answer nobody can read, so we hung up.", "unreadable"),
]  # fmt: skip


@pytest.mark.req("S4-56")
@pytest.mark.parametrize(("words", "key"), SAID, ids=[f"{key}-{place}" for place, (_, key) in enumerate(SAID)])
def test_a_known_error_has_its_remedy(words: str, key: str) -> None:
    found = remedy(words)

    assert found is not None
    assert found.key == key


def test_every_remedy_is_tested_and_says_what_to_do() -> None:
    assert {each.key for each in REMEDIES} == {key for _, key in SAID}
    assert len({each.key for each in REMEDIES}) == len(REMEDIES) >= 25
    assert all(each.means.endswith(".") and each.todo.endswith(".") for each in REMEDIES)


def test_what_nobody_knows_gets_no_made_up_advice() -> None:
    assert remedy("imap.example.com refused: the moon is full") is None


def test_a_very_long_answer_is_looked_at_in_part() -> None:
    assert remedy("x" * LONGEST + "[OVERQUOTA]") is None


@pytest.mark.req("S4-56")
def test_the_help_lists_every_remedy() -> None:
    text = " ".join(Path("docs/connection.md").read_text().split())

    assert [each.key for each in REMEDIES if each.means not in text or each.todo not in text] == []
    assert len(re.findall(r"^\| (?!---|What)", Path("docs/connection.md").read_text(), flags=re.MULTILINE)) == len(
        REMEDIES
    )
