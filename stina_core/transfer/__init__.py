"""Moving rows between stores: `stina db import` and `stina db export`.

Whatever is imported first becomes a store of today's schema in a private folder,
by the very steps that bring any file up to date. One merge, which knows no
plugin, then adds what is new in it. It changes and removes nothing that was here.
"""

from __future__ import annotations

from .exporting import Export, exported, write_export
from .here import Here, Merge, Row
from .importing import import_file, import_old_tables
from .report import ImportReport, SourceKind, TableReport

__all__ = [
    "Export",
    "Here",
    "ImportReport",
    "Merge",
    "Row",
    "SourceKind",
    "TableReport",
    "exported",
    "import_file",
    "import_old_tables",
    "write_export",
]
