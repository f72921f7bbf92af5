from __future__ import annotations

from stina_core.testing import MigrationSuite


class TestMigrations(MigrationSuite):
    plugin = "todos"
