"""The one way HTML from outside reaches a page."""

from __future__ import annotations
