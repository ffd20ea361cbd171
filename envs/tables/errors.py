"""What goes wrong with tables."""

from __future__ import annotations


class TableError(ValueError):
    """A table file, or data for one, that cannot be used; the message says what is wrong and what to do."""


class MissingTableError(TableError):
    """No table of that name is there; the message names the command that gets it."""
