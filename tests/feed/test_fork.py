"""The feed after fork(): the child begins anew, the parent goes on."""

from __future__ import annotations

import os

from stina_core import Store
from stina_core.testing import forked

from .desk import Desk, Heard, Values, feed_threads


def test_child_is_told_nothing_and_can_subscribe_itself(file_desk: Store) -> None:
    parents, values = Heard(), Values()

    def work() -> str:
        heard = Heard()
        assert feed_threads() == []
        with file_desk.subscribe(heard):
            file_desk[Desk].add("child")
            (changes,) = heard.wait(1)
        assert changes.origin == file_desk.origin
        assert parents.all == []
        assert values.all == [0]
        file_desk.close()
        return file_desk.origin

    with file_desk.subscribe(parents), file_desk.observe(file_desk[Desk].count, values):
        (child,) = forked(work)
        assert child.code == 0, child.said
        (changes,) = parents.wait(1)
        values.wait_for(1)
        file_desk[Desk].add("parent")
        parents.wait(2)
        values.wait_for(2)

    assert changes.origin == child.said
    assert parents.all[1].origin == file_desk.origin != child.said


def test_origin_of_a_child_names_its_process(file_desk: Store) -> None:
    def work() -> str:
        return f"{file_desk.origin} {os.getpid()}"

    (child,) = forked(work)

    origin, pid = child.said.split()
    assert origin.split(":")[:2] == ["python", pid]


def test_child_reads_on_where_the_parent_was(file_desk: Store) -> None:
    start = file_desk.cursor()
    file_desk[Desk].add("a")

    def work() -> str:
        file_desk[Desk].add("b")
        return ",".join(str(changes[0].key) for changes in file_desk.changes(start))

    (child,) = forked(work)

    assert child.said == "1,2"
    assert [changes[0].key for changes in file_desk.changes(start)] == [1, 2]


def test_child_that_closes_its_store_leaves_the_parents_feed_alone(file_desk: Store) -> None:
    heard = Heard()

    def work() -> str:
        file_desk.close()
        return "closed"

    with file_desk.subscribe(heard):
        file_desk[Desk].add("a")
        heard.wait(1)
        assert [child.said for child in forked(work, work)] == ["closed", "closed"]
        file_desk[Desk].add("b")
        heard.wait(2)

    assert len(heard.all) == 2


def test_two_children_hear_of_each_other(file_desk: Store) -> None:
    def work() -> str:
        heard = Heard()
        with file_desk.subscribe(heard):
            file_desk[Desk].add(str(os.getpid()))
            heard.wait_for(lambda told: any(changes.origin == file_desk.origin for changes in told))
        return "heard"

    assert [child.said for child in forked(work, work)] == ["heard", "heard"]
    assert file_desk[Desk].count() == 2
