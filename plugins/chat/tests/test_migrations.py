from __future__ import annotations

from pathlib import Path

import apsw

from stina_core.testing import MigrationSuite, run_python

from .old_files import CHAT_SAID, CHAT_TALKS, CHAT_TURNS, KV, LOOSE, SAID, TURNS, old_file

OPEN = """
import sys
import stina_chat.plugin
from stina_core import open_store
from stina_core.testing import plugins_of

open_store(sys.argv[1], plugins=plugins_of(chat=stina_chat.plugin)).close()
print("stina_chat.adoption" in sys.modules)
"""


def test_only_the_start_that_adopts_loads_what_adopts(store_path: Path) -> None:
    old_file(store_path, LOOSE, "INSERT INTO chat_messages VALUES ('m', 'user', 'x', 1, 0)")

    assert [run_python(OPEN, store_path).split() for _ in range(2)] == [["True"], ["False"]]


class TestMigrations(MigrationSuite):
    plugin = "chat"
    sampled = True  # the plugin `kv` has its faults at every statement

    def old_file(self, connection: apsw.Connection) -> None:
        """Three generations in one file: what wins, what is left out, and what has to be made."""
        for table in (CHAT_TALKS, CHAT_TURNS, CHAT_SAID, TURNS, SAID, LOOSE, KV):
            connection.execute(table)
        connection.execute("INSERT INTO chat_conversations VALUES ('c', NULL, 1, 9, 0, NULL, NULL)")
        connection.execute("INSERT INTO chat_interactions VALUES ('i', 'c', 1, 0, 'ollama', NULL)")
        connection.execute(
            "INSERT INTO chat_interaction_messages VALUES ('m', 'i', 'c', 'user', 'hi', 1, NULL, 0)"
        )
        connection.execute("INSERT INTO interactions VALUES ('i', 'd', 1, 0), ('j', 'd', 2, 1)")
        connection.execute("INSERT INTO interaction_messages VALUES ('n', 'j', 'd', 'odd', 'x', 2, 1)")
        connection.execute("INSERT INTO chat_messages VALUES ('l', 'user', CAST(x'eda0bd' AS TEXT), 3, 0)")
        connection.execute("INSERT INTO kv VALUES ('conversation_id', 'empty')")
