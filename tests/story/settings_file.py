"""The settings file of the documentation, whole, for the tests that change one thing in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailchannel.services.config_file import ConfigError, apply_and_report, read

PASSWORD = "hunter2-and-more"

EXAMPLE = """\
ticket_types:
  - {name: Incident, module: ticket}            # module: ticket | request
templates:
  - name: Standard incident
    ticket_type: Incident
    status: published                            # draft | published
    fields:                                      # kinds: text, paragraph, number, date, boolean, choice, email
      - {key: affected_system, label: Affected system, kind: text, required: true}
      - {key: cost_centre, label: Cost centre, kind: text}
mail_servers:
  - name: Support
    status: active                               # draft | active | paused
    protocol: imap
    auth: password
    address: support@example.com
    aliases: [helpdesk@example.com]
    reply_to: support@example.com
    connection: {host: 127.0.0.1, port: 10143, encryption: none, username: support, timeout_ms: 5000,
                 max_tries: 3, cool_off_minutes: 5, fetch_every_minutes: 1, skip_times: ["02:00-04:00"],
                 sync_start: 2026-01-01T00:00:00Z}
    secrets: {password: {env: SUPPORT_PASSWORD}} # {env: NAME}, {file: PATH} or {value: "…"}; never exported
    sending: {host: 127.0.0.1, port: 10025, encryption: none}
    folders: {source: [INBOX], success: Processed, fail: Failed, exclusion: Ignored, never_read: [Spam]}
    accept:                                      # who and what may open or update tickets
      allowed_domains: [example.com]             # empty = everybody
      blocked_senders: [spam@example.com, "*@ads.example"]
      unknown_senders: accept                    # accept | refuse
      new_tickets: {enabled: true, exceptions: ["*@example.org"]}
      only_if_in_to: false
      allow_duplicates: false
      exclude_auto_replies: true
      auto_reply_words: ["out of office"]
      subject_must_match: []
    ticket:
      template: Standard incident
      whitelisted_types: [Incident]
      attach_email: true
      mapping:                                   # ticket field <- mail property, with fallback
        - {field: title, property: subject}
        - {field: description, property: body}
        - {field: requester, property: sender}
        - {field: priority, property: importance}
        - {field: attachments, property: attachments}
        - {field: affected_system, default: unknown, restricted: false}
"""


def applied(text: str) -> list[str]:
    """What it changed."""
    return apply_and_report(read(text, folder=Path()))


def refused(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        applied(text)
    return str(caught.value)


def changed(old: str, new: str) -> str:
    """The example with one thing different."""
    assert EXAMPLE.count(old) == 1, f"{old!r} must stand in the example exactly once"
    return EXAMPLE.replace(old, new)


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1
