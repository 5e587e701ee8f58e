"""The documents are complete: every reason, command, target and requirement a person may look for is there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from mailchannel.kernel.decisions import Outcome
from tests.running.processes import ROOT

OUTCOMES = [outcome.value for outcome in Outcome if outcome is not Outcome.RECEIVED]
OUR_APPS = ("helpdesk", "mailchannel", "tickets")
#: Family of the vendors' requirements → how many there are.
VENDORS = {"S0": 52, "S1": 42, "S2": 26, "S3": 18, "S4": 56}
#: A file, and perhaps a name in it.
PLACE = re.compile(r"`([\w./-]+)(?:: ([\w.]+))?`")


def text(path: str) -> str:
    return (ROOT / path).read_text()


def reasons_in_the_code() -> set[str]:
    """Dotted codes whose first part is an outcome, or "accepted" for the two good ends."""
    code = re.compile(rf"\"((?:accepted|{'|'.join(OUTCOMES)})\.[a-z_]+)\"")
    sources = (path.read_text() for path in (ROOT / "mailchannel").rglob("*.py"))
    return {found for source in sources for found in code.findall(source)}


def test_every_reason_has_its_heading_and_no_heading_is_left_over() -> None:
    headings = re.findall(r"^## (\S+)$", text("docs/reasons.md"), flags=re.MULTILINE)

    assert sorted(headings) == sorted(reasons_in_the_code())


@pytest.mark.parametrize("app", OUR_APPS)
def test_every_command_is_in_the_readme(app: str) -> None:
    commands = [path.stem for path in (ROOT / app / "management/commands").glob("[a-z]*.py")]
    readme = text("README.md")

    missing = [name for name in commands if not re.search(rf"^\| `{name}[ `]", readme, flags=re.MULTILINE)]

    assert [name for name in missing if name != "demo_mailbox"] == []


def test_every_make_target_is_explained() -> None:
    targets = re.search(r"^\.PHONY: (.+)$", text("Makefile"), flags=re.MULTILINE)
    assert targets
    explained = set(re.findall(r"^\| `make ([a-z-]+)`", text("CONTRIBUTING.md"), flags=re.MULTILINE))

    assert set(targets[1].split()) - {"test-sqlite", "test-postgres"} == explained


def test_links_between_documents_lead_somewhere() -> None:
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "bench/README.md"]

    for document in documents:
        for target in re.findall(r"(?<!!)\[[^\]]+\]\(([^)#]+)\)", document.read_text()):
            if not target.startswith(("http://", "https://")):
                assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_every_requirement_a_test_proves_is_in_the_table() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/requirements-table", "--check"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )

    assert done.returncode == 0, done.stderr


def requirements() -> dict[str, tuple[str, str]]:
    """Requirement → (where, tests), as the table has it."""
    rows = re.findall(r"^\| (\S+-\d+) \| (.*?) \| (.+) \|$", text("docs/requirements.md"), flags=re.MULTILINE)
    return {requirement: (where, tests) for requirement, where, tests in rows}


def test_every_requirement_of_the_vendors_is_in_the_table_and_has_a_test() -> None:
    wanted = {f"{family}-{number:02}" for family, count in VENDORS.items() for number in range(1, count + 1)}
    table = requirements()

    assert wanted - table.keys() == set()
    assert [requirement for requirement, (_, tests) in table.items() if tests == "not yet"] == []


def test_every_requirement_a_test_proves_says_where_it_lives() -> None:
    assert [requirement for requirement, (where, _) in requirements().items() if not where] == []


def is_there(place: str) -> bool:
    """A file of the project in backticks, and a name after the colon only where the file defines it."""
    named = PLACE.fullmatch(place)
    if named is None or not (ROOT / named[1]).is_file():
        return False
    names = named[2].split(".") if named[2] else []
    return all(re.search(rf"^\s*(?:class |def )?{name}\b", text(named[1]), re.MULTILINE) for name in names)


def test_every_place_in_the_table_of_requirements_exists() -> None:
    wheres = {requirement: filter(None, where.split(", ")) for requirement, (where, _) in requirements().items()}

    gone = [
        f"{requirement}: {place}" for requirement, places in wheres.items() for place in places if not is_there(place)
    ]

    assert gone == []


def test_no_document_knows_the_machine_it_was_written_on() -> None:
    documents: list[Path] = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "bench").glob("*.md")]

    for document in documents:
        assert not re.search(r"/(?:root|home|work)/", document.read_text()), document.name
