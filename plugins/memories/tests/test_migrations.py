from __future__ import annotations

import apsw

from stina_core.testing import MigrationSuite

from .old_files import NEWEST


class TestMigrations(MigrationSuite):
    plugin = "memories"

    def old_file(self, connection: apsw.Connection) -> None:
        connection.execute(NEWEST)
        connection.execute(
            "INSERT INTO memories VALUES "
            "('a', 'Te', 'Åsa gillar te', '{\"a\": 1}', 'tool', '[\"mat\"]', 9, 5, 7), "
            "(NULL, '', 'Något', '{', NULL, '[1]', NULL, 5, 7)"
        )
