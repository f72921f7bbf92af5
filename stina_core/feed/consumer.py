"""A position in the feed that is kept in the file, together with what was done up to there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..changes import Changes, Cursor
from ..errors import InvalidValueError, StoreClosedError, TransactionError
from ..ids import now_ms
from .arguments import check_cursor, refuse_async
from .cause import delivering

if TYPE_CHECKING:
    from ..backends.base import Backend
    from ..transactions import Transactions
    from .log import ChangeLog

LONGEST_NAME = 200  # characters

_OF_THE_CORE = ("search:", "rebuild:")


class Consumer:
    """Processes every transaction of the feed exactly once, in however many programs it runs.

    What it does with a transaction and how far it has come are committed
    together: after a crash it goes on where its effects are.

    Its name is one for the whole file. `notes/counter` is a consumer of the plugin
    notes, and forgotten when that is purged.

    A consumer that is not run does not keep the log from being pruned. If it comes
    too late, everything here raises ResyncRequiredError until `move_to()`.
    """

    def __init__(
        self, backend: Backend, transactions: Transactions, change_log: ChangeLog, name: str
    ) -> None:
        if not name or len(name) > LONGEST_NAME or not name.isprintable():
            raise InvalidValueError("name", "a consumer's name is 1 to 200 characters that can be seen")
        if name.startswith(_OF_THE_CORE):
            raise InvalidValueError(
                "name", f"names that begin with {' or '.join(_OF_THE_CORE)} are the core's own"
            )
        self.name = name
        self._backend = backend
        self._transactions = transactions
        self._log = change_log

    @property
    def cursor(self) -> Cursor | None:
        """How far it has come; None for one that was never started."""
        rows = self._backend.execute("SELECT epoch, seq FROM stina_cursor WHERE name = ?", (self.name,))
        return Cursor(*rows[0]) if rows else None

    def start(self, cursor: Cursor) -> None:
        """Begin after *cursor*, unless it was started before, in any program; then nothing is written."""
        check_cursor(cursor)
        if self.cursor is None:
            with self._transactions.begin():
                if self.cursor is None:
                    self.move_to(cursor)

    def process(self, effect: Callable[[Changes], object]) -> int:
        """Call *effect* with each transaction it has not processed, one after the other; return how many.

        Each call runs inside a transaction that also moves the cursor. If *effect*
        raises, all it did is undone, the cursor stays before that transaction, and
        the error is raised. What it writes is caused by that transaction, and not
        given to it in turn, in whatever program it runs.

        Raises:
            ResyncRequiredError: the changes after its cursor are gone. Read what it follows
                anew and `move_to(store.cursor())`, both in one transaction.
            TransactionError: a transaction is open, or the consumer was never started.
        """
        if self._transactions.open:
            raise TransactionError(
                "a consumer has transactions of its own; leave yours before you call process()"
            )
        refuse_async(effect)
        try:
            return self._process(effect)
        except StoreClosedError:
            self._log.check_file()  # the store was left because another file is in its place, if that is so
            raise

    def _process(self, effect: Callable[[Changes], object]) -> int:
        done = 0
        while True:
            position = self._position()
            transactions = self._log.read(position)
            for changes in transactions:
                with delivering(changes, self.name), self._transactions.begin():
                    if self._position() != position or self._log.head().epoch != position.epoch:
                        break  # another program has processed it, or restored the file
                    if changes.consumer != self.name:
                        effect(changes)
                    assert changes.cursor is not None
                    position = changes.cursor
                    self.move_to(position)
                done += changes.consumer != self.name
            if not transactions:
                self._log.check_file()
                return done

    def move_to(self, cursor: Cursor) -> None:
        """Go on after *cursor*, wherever it was; part of the transaction around it, if there is one."""
        check_cursor(cursor)
        self._backend.execute(
            "INSERT INTO stina_cursor (name, plugin, epoch, seq, updated_at) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (name) DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq, "
            "updated_at = excluded.updated_at",
            (self.name, self._plugin, cursor.epoch, cursor.seq, now_ms()),
        )

    @property
    def _plugin(self) -> str | None:
        """Whose it is, if the name says so."""
        plugin, slash, _ = self.name.partition("/")
        return plugin if slash else None

    def forget(self) -> None:
        """Take its position out of the file."""
        self._backend.execute("DELETE FROM stina_cursor WHERE name = ?", (self.name,))

    def _position(self) -> Cursor:
        position = self.cursor
        if position is None:
            raise TransactionError(
                f"the consumer {self.name!r} was never started; call start() with a cursor"
            )
        return position
