"""A store in memory, whose threads share one connection: nobody waits for somebody who waits for them."""

from __future__ import annotations

import threading
import time

from .desk import Desk, Heard, Values, beside, feed_threads, open_desk, until


def test_two_threads_subscribe_while_one_has_a_transaction_open() -> None:
    with open_desk() as store:
        ours, others, begun = Heard(), Heard(), threading.Event()

        def subscribe_beside() -> None:
            assert begun.wait(20)
            store.subscribe(others)

        with beside(subscribe_beside) as raised, store.transaction():
            store[Desk].add("a")
            begun.set()
            until(lambda: len(store._feed._router))  # it waits for this transaction now
            store.subscribe(ours)
            store[Desk].add("b")
        assert raised == []
        store[Desk].tag("x")
        for heard in (ours, others):
            heard.wait_for(lambda told: told and told[-1].tables == {"desk_tag"})


def test_many_threads_subscribe_observe_and_write_at_once() -> None:
    with open_desk() as store:
        values = [Values() for _ in range(4)]

        def work(number: int) -> None:
            for _ in range(20):
                with store.transaction():
                    store[Desk].add("a")
                    store.subscribe(Heard())
            store.observe(store[Desk].count, values[number])

        threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert not any(thread.is_alive() for thread in threads)
        for one in values:
            one.wait_for(80)


def test_closing_beside_the_transaction_of_another_thread_takes_no_time() -> None:
    store = open_desk()
    heard = Heard()
    store.subscribe(heard)
    store[Desk].add("a")
    heard.wait(1)
    inside, closed = threading.Event(), threading.Event()

    def hold() -> None:
        with store.transaction():
            store[Desk].add("b")
            inside.set()
            closed.wait(20)

    with beside(hold) as raised:
        assert inside.wait(20)
        begin = time.monotonic()
        try:
            store.close()
        finally:
            took = time.monotonic() - begin
            closed.set()

    assert took < 1.5, took
    assert len(raised) == 1  # its transaction was undone
    until(lambda: not feed_threads())
