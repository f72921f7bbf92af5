"""Runs the pending steps of one plugin, in a transaction of its own inside the migration's."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..errors import LedgerConflictError, QueryError, StepFailedError, StinaError
from ..ids import now_ms
from ..log import get_logger
from ..model import nowhere
from . import ledger
from .operations import Operations
from .steps import PluginSteps, Step

if TYPE_CHECKING:
    from ..backends.base import Backend
    from .loss import LossGuard
    from .verification import Verification

log = get_logger(__name__)

Tell = Callable[[str, str, int | None, int | None], object]
"""Plugin, step, and how many rows of how many are done."""


class StoppedError(Exception):
    """Whoever follows the progress raised: the whole migration ends; the original is `__cause__`."""


class PluginRun(NamedTuple):
    """One plugin's steps.

    Attributes:
        others: Plugins whose tables the steps may not change.
    """

    backend: Backend
    plugin: PluginSteps
    others: Collection[str]
    loss: LossGuard
    verification: Verification
    tell: Tell

    def apply(self, steps: Sequence[Step]) -> None:
        """Run *steps*, check what they left, and note them in the ledger.

        Raises:
            MigrationError: one failed, or what they left is not right; the caller undoes all of them.
        """
        touched: set[str] = set()
        applied = []
        before = self._names_of_others()
        for step in steps:
            operations, ms = self._apply(step)
            touched |= operations.touched
            applied.append(ledger.Applied(step, ms, now_ms(), operations.breaking))
        self._check_names(steps[-1], before)
        self._check_references(steps[-1], touched)
        ledger.record(self.backend, self.plugin.version, applied)
        self.verification.check(self.plugin.plugin, self.backend.ddl.found(), steps[-1].id)
        ledger.clear_failure(self.backend, self.plugin.plugin)

    def _apply(self, step: Step) -> tuple[Operations, int]:
        self._check_after(step)
        report = partial(self._report, step)
        operations = Operations(
            self.backend,
            step.plugin,
            self.plugin.requires,
            before_loss=lambda: self.loss.before(step.plugin, "migrate"),
            report=report,
        )
        report()
        started = time.monotonic()
        try:
            with nowhere(), self.backend.confined(step.plugin, self.others), self.backend.ticking(report):
                _ = step.checksum  # before anything is done: it may turn out that there is none
                step.run(operations)
        except StoppedError:
            raise
        except (Exception, SystemExit) as error:
            # What other errors say may hold data; where they come from does not.
            detail = str(error) if isinstance(error, StinaError) else f"{type(error).__name__}{_place(error)}"
            raise StepFailedError(
                step.plugin, step.id, f"step {step.id} of {step.plugin} failed and was undone: {detail}"
            ) from error
        finally:
            operations.close()
        ms = round((time.monotonic() - started) * 1000)
        log.info("step.applied", plugin=step.plugin, step=step.id, ms=ms)
        return operations, ms

    def _report(self, step: Step, done: int | None = None, total: int | None = None) -> None:
        self.tell(step.plugin, step.id, done, total)

    def _check_after(self, step: Step) -> None:
        if not step.after:
            return
        done = {f"{entry.plugin}/{entry.id}" for entry in ledger.read(self.backend).entries}
        missing = [other for other in step.after if other not in done]
        if missing:
            raise LedgerConflictError(
                step.plugin,
                step.id,
                f"step {step.id} of {step.plugin} must run after {missing[0]}, which did not run",
            )

    def _names_of_others(self) -> set[str]:
        names = (str(name).lower() for (name,) in self.backend.read("SELECT name FROM sqlite_schema"))
        return {name for name in names if name.partition("_")[0] in self.others and "_" in name}

    def _check_names(self, last: Step, before: set[str]) -> None:
        """Refuse objects under another plugin's name; by a rename, for example, nobody was asked about them."""
        changed = sorted(self._names_of_others() ^ before)
        if changed:
            raise StepFailedError(
                last.plugin,
                last.id,
                f"the steps of {last.plugin} make or remove {', '.join(changed)}, whose name is another plugin's; "
                "nothing of it was kept",
            )

    def _check_references(self, last: Step, touched: Collection[str]) -> None:
        """Refuse rows that point to nothing, but for those that did so before."""
        try:
            broken = self.backend.dangling(touched)
            before = self.backend.dangling(touched, committed=True) if broken else {}
        except QueryError as error:
            raise StepFailedError(
                last.plugin,
                last.id,
                f"the steps of {last.plugin} leave a foreign key that does not fit the key it points to "
                f"({error}); nothing of it was kept",
            ) from error
        tables = sorted({pair[0] for pair, count in broken.items() if count > before.get(pair, 0)})
        if tables:
            raise StepFailedError(
                last.plugin,
                last.id,
                f"the steps of {last.plugin} leave {', '.join(tables)} with references that point to nothing; "
                "nothing of it was kept",
            )


def _place(error: BaseException) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f" at {Path(last.filename).name}:{last.lineno}"
