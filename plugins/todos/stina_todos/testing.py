"""For tests of this plugin and of those that use it: strategies of Hypothesis, and example data.

Hypothesis is imported by the strategies only, so `seed` works without it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from . import part_queries, queries, writes
from .kinds import Priority, TodoStatus
from .rows import TodoRow, blank, columns, edited, with_status
from .texts import folded

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from stina_core import Store

    from .days import Due

TODOS_PER_SIZE = 20

_START = datetime(2025, 1, 1, 8, tzinfo=UTC)
_ZONES = ("Europe/Stockholm", "America/New_York", "Asia/Kathmandu", "UTC")
_RULES = (
    "FREQ=DAILY",
    "FREQ=WEEKLY;BYDAY=MO,FR",
    "FREQ=MONTHLY",
    "FREQ=YEARLY;COUNT=3",
    "FREQ=DAILY;INTERVAL=2",
)
_PROJECTS = ("Hem", "Arbete", "Trädgård", "日本")
_TAGS = ("hem", "jobb", "snabbt", "väntar", "🍓")
_VERBS = ("Köp", "Ring", "Skriv", "Laga", "Fråga", "Buy", "Call", "Mend")
_THINGS = ("mjölk", "mamma", "rapporten", "cykeln", "läkaren", "bread", "the bank", "日本語の本")
_NOTES = ("", "Before noon.", "Två liter.\nGärna ekologisk.", "See https://example.com/?q=a&b", "🍓" * 5)


def titles() -> SearchStrategy[str]:
    """Return a strategy of all titles that are stored as they are: of any characters, without blanks around."""
    from hypothesis import strategies as st

    text = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)
    return text.filter(lambda title: title == title.strip())


def dues() -> SearchStrategy[Due | None]:
    """Return a strategy of days, instants in several zones to the millisecond, and None."""
    from hypothesis import strategies as st

    zones = st.sampled_from([ZoneInfo(zone) for zone in _ZONES])
    moments = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=zones)
    instants = moments.map(lambda one: one.replace(microsecond=one.microsecond // 1000 * 1000))
    days: SearchStrategy[Due | None] = st.dates(date(1990, 1, 1), date(2090, 1, 1))
    return st.none() | days | instants


def recurrences() -> SearchStrategy[str]:
    """Return a strategy of rules."""
    from hypothesis import strategies as st

    return st.sampled_from(_RULES)


def seed(store: Store, size: int, seed: int) -> None:
    """Write 20 todos per *size*, with projects, steps and comments, in one transaction; *seed* decides all of it.

    Ids are `todo-0007-<seed>` and the like; one that is there already stays as it is.
    """
    random = Random(seed)
    with store.transaction():
        projects = [_project(name, number, seed) for number, name in enumerate(_PROJECTS)] if size else []
        for number in range(size * TODOS_PER_SIZE):
            own = Random(random.random())
            row = _row(own, number, seed, projects)
            if not queries.by_id.exists(row.id):
                writes.insert(**columns(row))
                _hang_on(own, row)


def _project(name: str, number: int, seed: int) -> str:
    found = part_queries.project_by_name.find(folded(name))
    if found is not None:
        return found.id
    part_queries.new_project(f"project-{number}-{seed}", name, folded(name), "", _START)
    return f"project-{number}-{seed}"


def _row(random: Random, number: int, seed: int, projects: list[str]) -> TodoRow:
    at = _START + timedelta(hours=number)
    key = f"todo-{number:04}-{seed}"
    due = random.choice((None, (at + timedelta(days=3)).date(), at + timedelta(hours=random.randrange(200))))
    row = edited(
        replace(blank(key, at), position=f"{number:06}{seed % 10**20:020}1"),
        title=f"{random.choice(_VERBS)} {random.choice(_THINGS)}",
        description=random.choice(_NOTES),
        due=due,
        time_zone=random.choice(_ZONES),
        priority=random.choice(list(Priority)),
        tags=random.sample(_TAGS, random.randrange(3)),
        project_id=random.choice([None, *projects]),
        remind_at=due - timedelta(hours=1) if isinstance(due, datetime) and random.random() < 0.5 else None,
        recurrence=random.choice((None, None, *_RULES)) if due is not None else None,
        metadata={"origin": "seed", "n": number} if random.random() < 0.5 else None,
        source=random.choice((None, "seed")),
        icon=random.choice((None, "🛒", "check-list")),
    )
    status = random.choice((*TodoStatus, TodoStatus.NOT_STARTED, TodoStatus.COMPLETED))
    return replace(with_status(row, status, at + timedelta(days=1)), updated_at=at + timedelta(days=1))


def _hang_on(random: Random, row: TodoRow) -> None:
    for number in range(random.randrange(4)):
        part_queries.new_step(
            f"{row.id}-step-{number}",
            row.id,
            random.choice(_THINGS),
            done := random.random() < 0.5,
            row.created_at if done else None,
            number,
            row.created_at,
        )
    for number in range(random.randrange(3)):
        part_queries.new_comment(
            f"{row.id}-comment-{number}",
            row.id,
            random.choice(_NOTES[1:]),
            row.created_at + timedelta(minutes=number),
        )
