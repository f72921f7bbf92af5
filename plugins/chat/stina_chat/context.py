"""The interaction that code is inside of: one for each task and thread, and nobody else's."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar, Token
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple

from stina_core import StinaError, Store, TransactionError, get_logger

from .kinds import State
from .values import InteractionValue

if TYPE_CHECKING:
    from typing import Self

log = get_logger(__name__)


class _Entered(NamedTuple):
    store: Store
    id: str


_stack: ContextVar[tuple[_Entered, ...]] = ContextVar("stina_chat_interactions", default=())


def entered(store: Store) -> str | None:
    """Return the id of the innermost interaction of *store* that this code is inside of, if it is in one."""
    stack = _stack.get()
    return next((one.id for one in reversed(stack) if one.store is store), None) if stack else None


class OpenInteraction:
    """`with chat.interaction() as interaction:`; what is appended inside, without saying where, goes into it.

    Semantics:
        - It is the present one for this task or thread only, and for tasks and threads
          that are started inside with its context: `asyncio.create_task`,
          `asyncio.to_thread`, `copy_context().run`. For those it stays the present
          one, also after the block.
        - Blocks may stand inside one another; the innermost counts.
        - It holds no transaction.
        - Leaving the block ends it, unless somebody, in whatever program, ended it
          before: `complete`; after an exception `error`; after a cancellation, Ctrl-C
          or any other end of the program `interrupted`.

    Args:
        begin: Gives the interaction to enter.
        end: Ends the one with an id in a state, unless it was ended before.
        ends: Whether leaving the block is to do so.
    """

    def __init__(
        self,
        store: Store,
        begin: Callable[[], InteractionValue],
        end: Callable[[str, State], object],
        *,
        ends: bool,
    ) -> None:
        self._store = store
        self._begin = begin
        self._end = end
        self._ends = ends
        self._value: InteractionValue | None = None
        self._token: Token[tuple[_Entered, ...]] | None = None

    @property
    def value(self) -> InteractionValue:
        """The interaction as it was entered; TransactionError before that."""
        if self._value is None:
            raise TransactionError("the interaction is not there before its with-block")
        return self._value

    @property
    def id(self) -> str:
        """Its id."""
        return self.value.id

    @property
    def conversation_id(self) -> str:
        """The conversation it is in."""
        return self.value.conversation_id

    def abort(self) -> None:
        """Say that somebody stopped it. What is appended from now on still goes into it."""
        self._end(self.id, State.ABORTED)

    def close(self) -> None:
        """End it as complete and leave it. Idempotent; the end of the with-block does it by itself."""
        self._leave(State.COMPLETE)

    def __enter__(self) -> Self:
        if self._value is not None:
            raise TransactionError("an interaction is entered once; call chat.inside(id) to enter it again")
        self._value = self._begin()
        self._token = _stack.set((*_stack.get(), _Entered(self._store, self._value.id)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self._leave(State.COMPLETE)
            return
        try:
            self._leave(State.ERROR if issubclass(kind, Exception) else State.INTERRUPTED)
        except StinaError as failure:  # what ended the block says more than that this could not be noted
            log.warning("interaction.left_running", id=self.id, error=type(failure).__name__)

    def _leave(self, state: State) -> None:
        token, self._token = self._token, None
        if token is None:
            return
        try:
            _stack.reset(token)
        except ValueError:  # left in another context than it was entered in, which keeps its own
            log.debug("interaction.left_elsewhere", id=self.id)
        if self._ends:
            self._end(self.id, state)
