from __future__ import annotations

import apsw

from stina_core.testing import MigrationSuite

from .old_files import KV, STATE


class TestMigrations(MigrationSuite):
    plugin = "kv"
    thorough = True

    def old_file(self, connection: apsw.Connection) -> None:
        connection.execute(KV)
        connection.execute(STATE)
        connection.execute("INSERT INTO kv VALUES ('counter', '7'), ('theme', 'light'), (NULL, 'x')")
        connection.execute("INSERT INTO state VALUES ('theme', 'dark', 1762532514806), ('sum', '2', 0)")
