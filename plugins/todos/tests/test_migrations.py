from __future__ import annotations

import apsw

from stina_core.testing import MigrationSuite

from .old_files import COMMENTS, NEW_TODOS, PROJECTS, STEPS

OLD = f"""
PRAGMA foreign_keys = OFF;
{PROJECTS}; {NEW_TODOS}; {COMMENTS}; {STEPS};
INSERT INTO todo_projects VALUES ('p', 'Hem', NULL, 1, 2), ('q', 'hem', 'x', 1, 2);
INSERT INTO todos VALUES
    ('a', ' Mjölk', NULL, 'done', 1764201600000, 1, 15, '{{"a": 1}}', 'chat', 'check-list', 'p', 'rt', 1, 2),
    ('b', '', 'x', 'completed', 1.5, 0, NULL, '{{', NULL, NULL, 'q', NULL, 3, 'soon');
INSERT INTO todo_comments VALUES ('c', 'a', CAST(x'61eda0bd' AS TEXT), 4), ('d', 'a', '', 5);
INSERT INTO todo_steps VALUES ('s', 'a', 'x', 1, 2, 6, 4, 5);
"""


class TestMigrations(MigrationSuite):
    plugin = "todos"
    sampled = True  # the plugin `kv` has its faults at every statement

    def old_file(self, connection: apsw.Connection) -> None:
        connection.execute(OLD)
