"""YAML text to plain values that still know their path and line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from mailchannel.services.config_file.problems import ConfigError, Problem


@dataclass(frozen=True, slots=True)
class Located:
    """`value` is a scalar, a list of Located or a dict of them. It may be a secret, so it has no repr."""

    value: Any = field(repr=False)
    path: str
    line: int

    def error(self, text: str) -> ConfigError:
        return ConfigError([Problem(self.line, self.path, text)])

    def walk(self) -> Iterator[Located]:
        yield self
        children = self.value.values() if isinstance(self.value, dict) else self.value
        for child in children if isinstance(self.value, dict | list) else ():
            yield from child.walk()


def locate(text: str) -> Located:
    """Raises ConfigError."""
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        return loader.located(node, "") if node else Located({}, "", 1)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ConfigError([Problem(mark.line + 1 if mark else 0, "", _unreadable(error.problem))]) from None
    except (yaml.YAMLError, ValueError):  # a character YAML does not allow, or an escape that is no character
        raise ConfigError([Problem(0, "", "the file holds a character that YAML does not allow.")]) from None
    except RecursionError:
        raise ConfigError([Problem(0, "", "the file is nested too deeply.")]) from None


class _Loader(yaml.SafeLoader):
    """Keeps the lines PyYAML would drop, and says no where it would silently let the last of two keys win."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._seen: set[int] = set()

    def located(self, node: yaml.Node, path: str) -> Located:
        line = node.start_mark.line + 1
        if id(node) in self._seen:
            raise Located(None, path, line).error("anchors and aliases (& and *) are not supported; write it out.")
        self._seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            return Located(self._mapping(node, path), path, line)
        if isinstance(node, yaml.SequenceNode):
            items = [self.located(item, f"{path}[{place}]") for place, item in enumerate(node.value)]
            return Located(items, path, line)
        return Located(self._scalar(node, path), path, line)

    def _mapping(self, node: yaml.MappingNode, path: str) -> dict[str, Located]:
        found: dict[str, Located] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise Located(None, path, line).error("a key must be a word.")
            key = str(key_node.value)
            inner = f"{path}.{key}" if path else key
            if key in found:
                raise Located(None, inner, line).error(f"“{key}” appears twice, first on line {found[key].line}.")
            value = self.located(value_node, inner)
            found[key] = Located(value.value, inner, line)  # the key's line is where a person looks
        return found

    def _scalar(self, node: yaml.Node, path: str) -> Any:
        try:
            return self.construct_object(node)
        except (yaml.YAMLError, ValueError, OverflowError):
            here = Located(None, path, node.start_mark.line + 1)
            raise here.error("this value cannot be read. If it is meant as text, put it in quotes.") from None


def _unreadable(problem: str | None) -> str:
    """PyYAML quotes what it stumbled over; that may be a password."""
    words = re.sub(r"""['"].*['"]""", "…", problem or "something is wrong here", flags=re.DOTALL)
    return f"this is not valid YAML ({words}). Look at indentation, colons and quotes."
