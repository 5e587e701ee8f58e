"""Attachment rules on plain data: what a file is, whether its name agrees, and which rule leaves it out."""

from __future__ import annotations

import gzip
import io
import random
import struct
import subprocess
import sys
import threading
import time
import zipfile
from dataclasses import replace
from typing import Any

import pytest

from mailchannel.kernel.channel import Channel, Facts, MappingRule
from mailchannel.kernel.decisions import Outcome, Verdict
from mailchannel.kernel.types import Address, ParsedMail, Part, PartKind
from mailchannel.parsing.filetype import UNKNOWN, agrees, detect
from mailchannel.pipeline.courtesy import may_write_to_sender
from mailchannel.pipeline.decide import decide
from mailchannel.pipeline.file_rules import FILE_RULES
from mailchannel.pipeline.files import MOST_DETECTED, MOST_STEPS, dropped, judge_files


def zipped(*names: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in names:
            archive.writestr(name, "content")
    return packed.getvalue()


PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0\x90wS\xde"
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0"
WEBP = b"RIFF\x24\0\0\0WEBPVP8 "
HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
MP4 = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom"
PDF = b"%PDF-1.7\n1 0 obj\n"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + b"\x3e\0\3\0\xfe\xff\x09\0" + bytes(2000)
DOCX = zipped("[Content_Types].xml", "_rels/.rels", "word/document.xml")
EXE = b"MZ" + bytes(58) + struct.pack("<I", 64) + b"PE\0\0" + struct.pack("<HH", 0x14C, 1) + bytes(200)
ELF = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHI", 2, 62, 1) + bytes(40)
SHELL = b"#!/bin/sh\nrm -r ~\n"
NODE = b"#!/usr/bin/env node\nconsole.log(1)\n"
TEXT = b"The printer is on fire.\nPlease help.\n"
RTF = rb"{\rtf1\ansi Printer}"
HTML = b"<html><table><tr><td>1</td></tr></table></html>"

HONEST = [
    ("notes.txt", TEXT),
    ("notes.txt", "Grüße".encode("utf-16")),
    ("notes.txt", "Grüße aus München\n".encode("cp1252")),
    ("notes.txt", "プリンタが燃えています\n".encode("shift_jis") * 5),
    ("notes.txt", b"MZ is how programs for DOS begin.\n" * 9),
    ("notes.txt", b"#! is called a shebang\n"),
    ("notes.txt", b"Every such file begins with\n%PDF-1.4\nand then goes on.\n"),
    ("notes.txt", b"import of goods from China\nfrom: Shanghai\n"),
    ("server.log", b"2026-11-20 10:00:00 ERROR out of paper\n" * 5),
    ("list.csv", b"name;price\npaper;3\n"),
    ("list.CSV", b"name,price\npaper,3\n"),
    ("data.json", b'{"printer": "on fire"}'),
    ("data.xml", b"<?xml version='1.0'?><a/>"),
    ("logo.svg", b'<svg xmlns="http://www.w3.org/2000/svg"/>'),
    ("invite.ics", b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n"),
    ("mail.eml", b"From: a@example.com\nTo: b@example.com\nSubject: x\n\nhi"),
    ("photo.jpg", JPEG),
    ("photo.jpg", PNG),
    ("photo.jpg", WEBP),
    ("photo.png", HEIC),
    ("funny.gif", MP4),
    ("scan.pdf", PDF),
    ("scan.pdf", b"\r\n\r\n" + PDF),
    ("scan.pdf", b"HTTP/1.1 200 OK\r\n\r\n" + PDF),
    ("letter.doc", OLE),
    ("letter.doc", RTF),
    ("letter.rtf", RTF),
    ("table.xls", HTML),
    ("table.xls", b"a\tb\n1\t2\n"),
    ("table.xls", zipped("[Content_Types].xml", "_rels/.rels", "xl/workbook.xml")),
    ("letter.docx", DOCX),
    ("secret.docx", OLE),  # with a password Office writes the old container
    ("letter.odt", zipped("mimetype", "content.xml")),
    ("files.zip", zipped("a.txt")),
    ("files.zip", DOCX),
    ("log.gz", gzip.compress(TEXT * 9)),
    ("log.gz", TEXT),
    ("drawing.dwg", b"AC1032" + bytes(40)),
    ("strange.xyz", EXE),
    ("README", PNG),
    ("setup.exe", EXE),
    ("notes.txt", b""),
    ("notes.txt", random.Random(4).randbytes(5000)),
]
FALSE = [
    ("Alter.txt", PNG),
    ("Alter.txt", JPEG),
    ("notes.txt", EXE),
    ("notes.txt", ELF),
    ("notes.txt", SHELL),
    ("notes.txt", NODE),
    ("notes.txt", PDF),
    ("notes.csv", zipped("a")),
    ("invoice.pdf", EXE),
    ("invoice.pdf", SHELL),
    ("invoice.pdf", PNG),
    ("invoice.pdf", HTML),
    ("photo.jpg", EXE),
    ("photo.jpg", ELF),
    ("photo.JPG", SHELL),
    ("photo.png", PDF),
    ("photo.png", HTML),
    ("letter.docx", EXE),
    ("letter.docx", PNG),
    ("table.xls", EXE),
    ("song.mp3", EXE),
    ("files.zip", EXE),
]


@pytest.mark.parametrize(("name", "content"), HONEST, ids=[name for name, _ in HONEST])
def test_honest_files_agree_with_their_names(name: str, content: bytes) -> None:
    assert agrees(name, detect(content)), detect(content)


@pytest.mark.req("S4-50")
@pytest.mark.parametrize(("name", "content"), FALSE, ids=[name for name, _ in FALSE])
def test_a_false_name_is_noticed(name: str, content: bytes) -> None:
    assert not agrees(name, detect(content)), detect(content)


@pytest.mark.parametrize(
    "pattern", [b"\n", b" \n", b"\0\n", b"\n" * 31 + b"a", b"<", b"(", b"PK\3\4", b"{", b"%PDF-", b"\xff"]
)
def test_a_hostile_file_takes_no_time(pattern: bytes) -> None:
    detect(TEXT)  # loads the library
    hostile = (pattern * 10_000_000)[:10_000_000]
    began = time.process_time()

    detect(hostile)

    assert time.process_time() - began < 0.3


def test_threads_may_look_at_files_together() -> None:
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.extend(detect(PNG) for _ in range(50))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == ["image/png"] * 200


def test_nothing_shows_nothing() -> None:
    assert detect(b"") == UNKNOWN


def test_a_mail_without_files_does_not_load_the_library() -> None:
    code = (
        "import sys; from mailchannel.parsing.mime import parse; from mailchannel.kernel.channel import Channel;"
        "from mailchannel.pipeline.files import judge_files;"
        "judge_files(parse(b'From: a@example.com\\n\\nhello'), Channel('a', 'b'));"
        "sys.exit('magic' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


# --- Rules ------------------------------------------------------------------------------------------

MAPPED = (MappingRule("attachments", kind="attachments", property="attachments"),)


def channel(**files: Any) -> Channel:
    return Channel("Support", "support@example.com", mapping=MAPPED, files=files)


def part(filename: str, content: bytes = TEXT, kind: PartKind = PartKind.FILE) -> Part:
    return Part(filename, "application/octet-stream", content, kind=kind, number="2")


def reason(filename: str, content: bytes = TEXT, kind: PartKind = PartKind.FILE, **files: Any) -> str:
    (ruling,) = judge_files(ParsedMail(parts=(part(filename, content, kind),)), channel(**files)).value
    assert (ruling.verdict is Verdict.STRIPPED) == bool(ruling.reason)
    return ruling.reason.removeprefix("attachment.")


@pytest.mark.req("S4-49")
@pytest.mark.parametrize("name", ["notes.txt", "a_b-c.1.txt", "Übersicht_été.txt", "レポート.txt", "हिन्दी.txt"])
def test_names_of_letters_digits_dots_hyphens_and_underscores_are_fine(name: str) -> None:
    assert reason(name, attachment_names="drop") == ""


@pytest.mark.req("S4-49")
@pytest.mark.parametrize("name", ["my notes.txt", "a&b.txt", "a;b.txt", "50%.txt", "(1).txt", "a+b.txt", "☃.txt"])
def test_other_names_are_dropped_where_that_is_wanted(name: str) -> None:
    assert reason(name, attachment_names="drop") == "name"
    assert reason(name) == ""


@pytest.mark.req("S4-51")
@pytest.mark.parametrize(
    "name",
    ["setup.exe", "SETUP.EXE", "report.pdf.exe", "report.exe.pdf", "a.exe.", "a.exe. .", "a.exe::$DATA", "run.vbs"],
)
def test_programs_are_dropped_unless_somebody_says_otherwise(name: str) -> None:
    assert reason(name, attachment_content_check=False) == "extension"
    assert reason(name, attachment_content_check=False, attachment_extension_rule="off") == ""


@pytest.mark.parametrize("name", ["report.pdf", "www.example.com.pdf", "v1.2.final.pdf", "exe", "README", ".profile"])
def test_names_that_only_look_like_programs_are_kept(name: str) -> None:
    assert reason(name, PDF) == ""


@pytest.mark.req("S4-51")
def test_a_list_restricts_or_allows() -> None:
    listed = {"attachment_extensions": ["PDF", ".tar.gz"]}

    for name, restricted in (("a.pdf", "extension"), ("a.tar.gz", "extension"), ("a.gz", ""), ("a.exe", ""), ("a", "")):
        assert reason(name, b"\x01\x02", **listed, attachment_extension_rule="restrict") == restricted, name
        allowed = "" if restricted else "extension"
        assert reason(name, b"\x01\x02", **listed, attachment_extension_rule="allow") == allowed, name
    assert reason("a.exe", b"\1", attachment_extension_rule="allow") == ""  # an empty list allows all


@pytest.mark.req("S4-50")
def test_a_picture_called_txt_is_dropped() -> None:
    assert reason("Alter.txt", PNG) == "content_type"
    assert reason("Alter.txt", PNG, attachment_content_check=False) == ""


@pytest.mark.req("S4-52")
def test_an_empty_file_is_dropped() -> None:
    assert reason("notes.txt", b"") == "empty"
    assert reason("notes.txt", b"", attachment_drop_empty=False) == ""


@pytest.mark.req("S4-53")
def test_a_file_over_the_limit_is_dropped() -> None:
    assert reason("notes.txt", b"a" * 1_000_000, attachment_max_mb=1) == ""
    assert reason("notes.txt", b"a" * 1_000_001, attachment_max_mb=1) == "size"
    assert reason("big.bin", bytes(25_000_001)) == "size"


def test_the_first_broken_rule_in_their_order_is_told() -> None:
    strict = {"attachment_names": "drop", "attachment_max_mb": 1}
    big = EXE + bytes(1_000_000)

    assert [rule.code.partition(".")[2] for rule in FILE_RULES] == [
        "name",
        "extension",
        "content_type",
        "empty",
        "size",
    ]
    assert reason("a b.exe", big, **strict) == "name"
    assert reason("ab.exe", big, **strict) == "extension"
    assert reason("ab.pdf", big, **strict) == "content_type"
    assert reason("ab.bin", big, **strict) == "size"


@pytest.mark.parametrize("kind", [PartKind.BODY, PartKind.ALTERNATIVE, PartKind.REPORT, PartKind.SIGNATURE])
def test_texts_reports_and_signatures_are_not_judged(kind: PartKind) -> None:
    assert reason("odd name.txt", b"", kind, attachment_names="drop", attachment_extension_rule="allow") == ""


def test_a_program_is_one_even_if_the_mail_calls_it_a_signature() -> None:
    assert reason("signature.exe", EXE, PartKind.SIGNATURE) == "extension"


def test_an_attached_mail_is_judged_by_size_emptiness_and_type_only() -> None:
    strict = {"attachment_names": "drop"}
    assert reason("Re: Printer on fire!.eml", PNG, PartKind.MESSAGE, **strict) == ""
    assert reason("Re: Printer.eml", b"", PartKind.MESSAGE, **strict) == "empty"
    assert reason(
        "x.eml", TEXT, PartKind.MESSAGE, attachment_extension_rule="allow", attachment_extensions=["pdf"]
    ) == ("extension")


# --- Manifest ---------------------------------------------------------------------------------------

MAIL = ParsedMail(
    sender=Address("ann@customer.example"),
    parts=(
        Part("", "text/plain", TEXT, kind=PartKind.BODY, number="1"),
        Part("logo.png", "image/png", PNG, content_id="logo", kind=PartKind.INLINE, number="2"),
        Part("scan.pdf", "application/pdf", PDF, number="3"),
        Part("setup.exe", "application/pdf", EXE, number="4"),
    ),
)


@pytest.mark.req("S4-46")
def test_every_part_is_in_the_manifest_and_the_mail_goes_on() -> None:
    decision = decide(MAIL, channel(), Facts())

    assert decision.outcome == Outcome.OPENED
    assert decision.draft is not None
    rows = [(each.part.number, each.verdict.value, each.detected, each.reason) for each in decision.draft.manifest]
    assert rows == [
        ("1", "shown", "", ""),
        ("2", "inline", "image/png", ""),
        ("3", "kept", "application/pdf", ""),
        ("4", "stripped", "application/x-dosexec", "attachment.extension"),
    ]
    assert [each.filename for each in decision.draft.attachments] == ["logo.png", "scan.pdf"]
    assert all(len(each.sha256) == 64 for each in decision.draft.manifest)
    (step,) = [step for step in decision.trace if step.stage == "file"]
    assert (step.code, step.verdict) == ("extension", "stripped")
    assert step.because.startswith("setup.exe: Attachment files contain invalid extensions: files of the type exe")


@pytest.mark.req("S4-54")
def test_each_rule_has_an_error_a_reason_and_a_solution_for_people() -> None:
    broken = [("a b.txt", TEXT), ("a.exe", TEXT), ("a.txt", PNG), ("a.txt", b""), ("a.bin", bytes(1_000_001))]
    mail = ParsedMail(parts=tuple(part(name, content) for name, content in broken))

    told = dropped(judge_files(mail, channel(attachment_names="drop", attachment_max_mb=1)).value)

    assert [each.error for each in told] == [
        "Attachment file name is invalid",
        "Attachment files contain invalid extensions",
        "Attachment files contain invalid content type",
        "Attachment contains empty files",
        "Attachment size exceeds the configured limit",
    ]
    assert [each.reason for each in told] == [
        "The name contains a blank.",
        "Files of the type exe are not accepted here.",
        "The name ends in txt, but the content is image/png.",
        "The file has no content.",
        "It has 1,000,001 bytes, and at most 1,000,000 are accepted.",
    ]
    assert all(each.solution.endswith(".") for each in told)
    assert "antivirus" in told[3].solution
    assert "firewall" in told[3].solution


def test_files_the_mapping_has_no_place_for_are_named_but_nobody_is_told() -> None:
    ruling = judge_files(MAIL, replace(channel(), mapping=()))

    assert {each.reason for each in ruling.value[1:]} == {"attachment.not_mapped"}
    assert dropped(ruling.value) == ()


def test_thousands_of_files_cost_little_and_do_not_flood_the_trace() -> None:
    mail = ParsedMail(parts=tuple(part(f"{number}.exe", TEXT) for number in range(3000)))
    began = time.process_time()

    ruling = judge_files(mail, channel())

    assert time.process_time() - began < 3
    assert len(ruling.value) == 3000
    assert len(ruling.steps) == MOST_STEPS + 1
    assert sum(bool(each.detected) for each in ruling.value) == MOST_DETECTED


# --- May we write to the sender? --------------------------------------------------------------------


def written_by(email: str = "ann@customer.example", **headers: str) -> ParsedMail:
    named = {name.replace("_", "-").lower(): (value,) for name, value in headers.items()}
    return ParsedMail(sender=Address(email), from_header=email, headers=named)


def test_a_person_may_be_written_to() -> None:
    assert may_write_to_sender(written_by(), {"support@example.com"}) == ""
    assert may_write_to_sender(written_by("noel.replyton@example.com"), ()) == ""
    assert (
        may_write_to_sender(replace(written_by(), in_reply_to=("hd-1041.n17.abcdefghijklmnopqrst@example.com",)), ())
        == ""
    )


@pytest.mark.parametrize(
    "mail",
    [
        ParsedMail(sender=None),
        written_by(Return_Path="<>"),
        written_by(Auto_Submitted="auto-generated"),
        written_by(List_Id="<staff.example.com>"),
        written_by(Precedence="bulk"),
        written_by(X_Auto_Response_Suppress="DR, AutoReply"),
        written_by(X_Failed_Recipients="a@example.com"),
        written_by(X_Helpdesk_Mailbox="desk@other.example"),
        written_by("support@example.com"),
        written_by("support+hd-1041@example.com"),
        *(
            written_by(f"{local}@customer.example")
            for local in (
                "no-reply",
                "noreply",
                "shop.no_reply",
                "donotreply",
                "do-not-reply",
                "MAILER-DAEMON",
                "bounces+1=x",
            )
        ),
        replace(written_by(), in_reply_to=("hd-1041.f17.abcdefghijklmnopqrst@example.com",)),
    ],
)
def test_machines_lists_and_our_own_mail_are_not_answered(mail: ParsedMail) -> None:
    assert may_write_to_sender(mail, {"support@example.com"})
