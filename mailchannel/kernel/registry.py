"""Named things, found by importing every module of a package once."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from threading import RLock
from typing import Generic, TypeVar

T = TypeVar("T")


class Registry(Generic[T]):
    """Plug-ins of one package. Iteration is sorted by key, so that nothing depends on file names."""

    def __init__(self, package: str) -> None:
        self._package = package
        self._items: dict[str, T] = {}
        self._loaded = False
        self._loading = False
        self._lock = RLock()  # another thread waits until everything is there; modules that look while loading do not

    def add(self, key: str, item: T) -> T:
        """Raises ValueError when the key is taken."""
        if key in self._items:
            raise ValueError(f"{key!r} is already registered in {self._package}")
        self._items[key] = item
        return item

    def __getitem__(self, key: str) -> T:
        self._load()
        return self._items[key]

    def __contains__(self, key: object) -> bool:
        self._load()
        return key in self._items

    def __iter__(self) -> Iterator[T]:
        self._load()
        return iter([self._items[key] for key in sorted(self._items)])

    def _load(self) -> None:
        if self._loaded:
            return
        with self._lock:
            if self._loaded or self._loading:
                return
            self._loading = True
            try:
                package = import_module(self._package)
                for module in pkgutil.iter_modules(package.__path__, f"{self._package}."):
                    import_module(module.name)
                self._loaded = True
            finally:
                self._loading = False
