"""Settings as code: ticket types, templates and mail servers in one YAML file, the same on every installation.

One rule decides what a file does: what it mentions becomes so, what it does not mention stays as it is. A list is one
value and is replaced as a whole. docs/configuration.md describes every key.
"""

from __future__ import annotations

from mailchannel.services.config_file.apply import apply
from mailchannel.services.config_file.export import export
from mailchannel.services.config_file.file import ConfigFile, read
from mailchannel.services.config_file.plan import apply_and_report, plan
from mailchannel.services.config_file.problems import ConfigError

__all__ = ["ConfigError", "ConfigFile", "apply", "apply_and_report", "export", "plan", "read"]
