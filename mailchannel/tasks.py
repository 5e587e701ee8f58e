"""What django-q calls. No logic here."""

from __future__ import annotations
