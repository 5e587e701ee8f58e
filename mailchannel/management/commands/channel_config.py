"""Settings as code: export them to a file, see what a file would change, apply it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from mailchannel.models.secrets import SecretUnreadable
from mailchannel.services.config_file import ConfigError, ConfigFile, apply_and_report, export, plan, read

STANDARD = "-"  # standard input or output
DIFFERENT = 2  # exit status of a plan that would change something


class Command(BaseCommand):
    help = (
        "Exports the settings of the mail channel, compares them with a file, or applies one (docs/configuration.md)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.epilog = "plan exits with 0 when nothing would change, 2 when something would, 1 when the file is wrong."
        parser.add_argument("action", choices=("export", "plan", "apply"))
        parser.add_argument("file", nargs="?", default="", help="a YAML file, or - for standard input and output")

    def handle(self, *args: Any, action: str, file: str, verbosity: int, **options: Any) -> None:
        try:
            if action == "export":
                self._export(file, verbosity)
            elif action == "plan":
                self._plan(_read(file))
            else:
                self._apply(_read(file), verbosity)
        except ConfigError as error:
            raise CommandError(_sentence(file, error)) from None
        except SecretUnreadable as error:
            raise CommandError(str(error)) from None

    def _export(self, file: str, verbosity: int) -> None:
        if file in ("", STANDARD):
            self.stdout.write(export(), ending="")
            return
        try:
            Path(file).write_text(export(), encoding="utf-8")
        except OSError as error:
            raise CommandError(f"{file} cannot be written: {error.strerror}.") from None
        if verbosity:
            self.stderr.write(f"Wrote {file}. Secrets are not in it.")

    def _plan(self, wanted: ConfigFile) -> None:
        changes = plan(wanted)
        self.stdout.write("\n".join(changes) or "Nothing would change.")
        if changes:
            sys.exit(DIFFERENT)

    def _apply(self, wanted: ConfigFile, verbosity: int) -> None:
        changes = apply_and_report(wanted)
        if verbosity:
            self.stdout.write("\n".join(changes) or "Nothing to change.")


def _read(file: str) -> ConfigFile:
    if not file:
        raise CommandError("Name the file to read, or - for standard input.")
    path = Path(file)
    try:
        content = sys.stdin.buffer.read() if file == STANDARD else path.read_bytes()
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise CommandError(f"{file} is not UTF-8 text.") from None
    return read(text, folder=Path.cwd() if file == STANDARD else path.parent)


def _sentence(file: str, error: ConfigError) -> str:
    count = len(error.problems)
    head = "One thing is" if count == 1 else f"{count} things are"
    lines = "\n".join(f"  {problem}" for problem in error.problems)
    return f"{head} wrong in {'standard input' if file == STANDARD else file}; nothing was changed.\n{lines}"
