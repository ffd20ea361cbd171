"""Importers: from a public benchmark's files, or one's own results, to tables."""

from .base import Import, ImportRequest
from .kinds import KINDS, import_tables

__all__ = ["KINDS", "Import", "ImportRequest", "import_tables"]
