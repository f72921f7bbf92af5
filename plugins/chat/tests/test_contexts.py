"""The present interaction of tasks and threads: each has its own, and nobody another's."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest

import stina_chat.context
from stina_chat import ChatRepository, State
from stina_core import NotFoundError, Store
from stina_core.testing import memory_store

from .conftest import PLUGINS, said


def state(chat: ChatRepository, interaction_id: str) -> State:
    return chat.get_interaction(interaction_id).state


def test_concurrent_tasks_never_share_an_interaction(store: Store, chat: ChatRepository) -> None:
    """The original had one stack for the whole process, so two sends ended in one interaction."""
    both_inside = asyncio.Barrier(2)

    async def send(name: str) -> str:
        with chat.interaction() as interaction:
            await both_inside.wait()
            for number in range(3):
                await asyncio.to_thread(chat.append_message, "user", f"{name}{number}")
                await asyncio.create_task(tool(name))
            await both_inside.wait()
            return interaction.id

    async def tool(name: str) -> None:
        chat.append_tool(f"tool of {name}")

    async def main() -> list[str]:
        return list(await asyncio.gather(send("a"), send("b")))

    ids = asyncio.run(main())

    for name, id in zip("ab", ids, strict=True):
        wanted = [text for number in range(3) for text in (f"{name}{number}", f"tool of {name}")]
        assert said(list(chat.read_interaction(id).messages)) == wanted
    assert chat.count_interactions() == 2


def test_with_one_stack_for_the_process_the_test_above_would_fail(
    chat: ChatRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A control: the original's way, in the place of the context variable."""

    class Shared:
        held: tuple[object, ...] = ()

        def get(self) -> tuple[object, ...]:
            return self.held

        def set(self, value: tuple[object, ...]) -> tuple[object, ...]:
            before, self.held = self.held, value
            return before

        def reset(self, before: tuple[object, ...]) -> None:
            self.held = before

    monkeypatch.setattr(stina_chat.context, "_stack", Shared())

    with pytest.raises((AssertionError, NotFoundError)):
        test_concurrent_tasks_never_share_an_interaction(chat.store, chat)


def test_a_cancelled_task_leaves_its_interaction_interrupted(chat: ChatRepository) -> None:
    async def main() -> str:
        begun: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def send() -> None:
            with chat.interaction() as interaction:
                begun.set_result(interaction.id)
                await asyncio.Event().wait()

        task = asyncio.create_task(send())
        id = await begun
        task.cancel()
        await asyncio.wait([task])
        return id

    assert state(chat, asyncio.run(main())) is State.INTERRUPTED


def test_a_thread_is_inside_only_with_the_context_of_the_block(chat: ChatRepository) -> None:
    with chat.interaction() as interaction, ThreadPoolExecutor(1) as threads:
        alone = threads.submit(chat.append_message, "user", "alone").result()
        context = copy_context()
        inside = threads.submit(context.run, chat.append_message, "user", "inside").result()

    assert alone.interaction_id != interaction.id
    assert inside.interaction_id == interaction.id
    late = context.run(chat.append_message, "user", "late")  # what began inside still belongs there
    assert late.interaction_id == interaction.id


def test_two_stores_have_two_present_interactions(chat: ChatRepository) -> None:
    with memory_store(PLUGINS) as second:
        elsewhere = second[ChatRepository]
        with chat.interaction() as ours, elsewhere.interaction() as theirs:
            here, there = chat.append_message("user", "a"), elsewhere.append_message("user", "b")

    assert (here.interaction_id, there.interaction_id) == (ours.id, theirs.id)


def test_a_block_that_is_left_in_another_context_is_ended_all_the_same(chat: ChatRepository) -> None:
    interaction = chat.interaction()
    copy_context().run(interaction.__enter__)

    interaction.close()

    assert state(chat, interaction.id) is State.COMPLETE


def test_threads_that_send_at_once_have_an_interaction_each(chat: ChatRepository) -> None:
    together = threading.Barrier(4, timeout=30)

    def send(name: int) -> str:
        with chat.interaction() as interaction:
            together.wait()
            for number in range(5):
                chat.append_message("user", f"{name}/{number}")
        return interaction.id

    with ThreadPoolExecutor(4) as threads:
        ids = list(threads.map(send, range(4)))

    for name, id in enumerate(ids):
        assert said(list(chat.read_interaction(id).messages)) == [f"{name}/{number}" for number in range(5)]
