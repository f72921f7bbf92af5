"""What people may write for a date, in English and Swedish."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stina_core.testing import run_python
from stina_todos.when import UnclearDateError, understood

STOCKHOLM = ZoneInfo("Europe/Stockholm")
NOW = datetime(2026, 3, 4, 9, 0, tzinfo=UTC)  # a Wednesday, 10:00 in Stockholm

DAYS = {
    "2026-03-04": "4 mars; March 4; today; idag; i dag; Tonight; ikväll; i kväll",
    "2026-03-05": "tomorrow; imorgon; i morgon; IMORGON;  in 1 day ; om en dag",
    "2026-03-06": "day after tomorrow; övermorgon; "
    "i övermorgon; friday; fredag; fri; på fredag; on friday; next friday; "
    "nästa fredag",
    "2026-03-09": "monday; måndag; mån; next mon",
    "2026-03-11": "wednesday; onsdag; next week; nästa vecka; in a week; om en vecka",
    "2026-03-18": "in two weeks; om två veckor; in 2 weeks",
    "2026-04-04": "next month; nästa månad; om en månad",
    "2026-03-03": "yesterday; igår",
    "2026-05-05": "5 maj; den 5 maj; May 5; 5 may; 5/5",
    "2027-05-05": "5 may 2027; 2027-05-05",
    "2027-03-04": "in 1 year; om 1 år; next year; nästa år; 4 mars 2027",
    "2026-12-25": "25 dec; 25 december; December 25",
    "2027-01-01": "1 jan; Jan 1",
    "2025-11-15": "11/15/2025; 15/11/2025; 15.11.2025; 2025-11-15",
    "2026-11-15": "15/11; 11/15",
    "2027-01-13": "13/1; 1/13",
}

MOMENTS = {
    "2026-03-05 17:30": "imorgon 17.30; tomorrow 17.30",
    "2026-05-01 17:30": "1 maj 17.30; 2026-05-01 17.30; fredag 1 maj 17.30",
    "2026-03-05 17:00": "imorgon kl 17:00; tomorrow 17:00; "
    "tomorrow at 5pm; 5pm tomorrow; i morgon kl. 17; at 17 tomorrow; "
    "tomorrow, 17:00; tomorrow @ 5 PM; imorgon klockan 17.00",
    "2026-03-05 09:00": "imorgon kl 9; tomorrow at 9; kl 9; 9:00; 9am; at 9",
    "2026-03-04 11:30": "kl 11.30; 11:30; today 11:30; idag kl 11:30",
    "2026-03-04 12:00": "noon; at noon; in 2 hours; om 2 timmar; 12pm; in 2h; om 2h; in 2 h",
    "2026-03-05 00:00": "12am; tomorrow 00:00; imorgon kl 0",
    "2026-03-04 10:00": "now; nu",
    "2026-03-04 08:00": "today at 08:00; idag kl 8",
    "2026-03-04 10:30": "in 30 minutes; om 30 minuter; om 30 min",
    "2026-03-04 11:00": "in an hour; om en timme",
    "2026-03-06 14:30": "fredag 14:30; friday 2:30pm; på fredag kl 14:30",
    "2026-05-01 08:00": "1 maj kl 8; 1 may at 8am; 2026-05-01 kl 8; 2026-05-01T08:00; 2026-05-01 06:00Z; "
    "2026-05-01T08:00:00+02:00",
    "2026-03-29 03:30": "2026-03-29 02:30; 29 mars kl 2:30",  # which the clocks skip
}

UNCLEAR = (
    "imorgon 9; i morgon 8; tomorrow 9; tomorrow 1730; today 9; tomorrow at nine; 9 imorgon; dec 24 18.00; "
    "tomorrow midnight; 17:00:30 tomorrow; imorgon kl 9.5; 1 maj 9; tomorrow 17h; today 17h; 2h; in 30m; 1y; "
    "5 maj 24; 24 dec 18; 1 maj 00; 5 may 30; tomorrow 5pm EST; 2026-05-01 10:00 UTC; kl 17 imorgon UTC; "
    "lördag 5 maj; tuesday 2026-05-01; sunday 5 may 2026; monday 1 may; idag imorgon; in 3 days tomorrow; "
    "tomorrow in 2 hours; -1 maj; in -2 days; "
    "; ; banana; a; on; at; kl; kl 25; at 24; 13pm; 0am; 10:60; 12; 2027; march; mars; may; 1/5; 5.3; "
    "1/5/2026; 13/13; 31/2/2026; 31 februari; 30 feb; 2026-02-30; 2026-13-01; 2026-02-30T10:00; "
    "2026-05-01T25:00; eod; every monday; vecka 12; tomorrow at 5 and 6pm; tomorrow kl; tommorow; lunch; "
    "at 5 in 2 hours; 99999999999; 10:00:30:10; DROP TABLE; \0; 🍓; next; nästa"
)


def spread(table: dict[str, str]) -> list[tuple[str, str]]:
    return [(text, wanted) for wanted, texts in table.items() for text in texts.split("; ")]


@pytest.mark.parametrize(("text", "wanted"), spread(DAYS))
def test_without_a_word_about_the_clock_it_is_a_day(text: str, wanted: str) -> None:
    found = understood(text, NOW, STOCKHOLM)

    assert type(found) is date
    assert found.isoformat() == wanted


@pytest.mark.parametrize(("text", "wanted"), spread(MOMENTS))
def test_with_one_it_is_an_instant_in_the_zone(text: str, wanted: str) -> None:
    found = understood(text, NOW, STOCKHOLM)

    assert isinstance(found, datetime)
    assert f"{found:%Y-%m-%d %H:%M}" == wanted
    assert found.tzinfo is STOCKHOLM


@pytest.mark.parametrize("text", UNCLEAR.split("; "))
def test_what_means_nothing_or_two_things_is_refused(text: str) -> None:
    with pytest.raises(UnclearDateError):
        understood(text, NOW, STOCKHOLM)


def test_a_day_is_that_of_the_zone() -> None:
    late = datetime(2026, 3, 4, 23, 30, tzinfo=UTC)

    assert understood("today", late, STOCKHOLM) == date(2026, 3, 5)
    assert understood("tomorrow", late, ZoneInfo("America/New_York")) == date(2026, 3, 5)


def test_hours_from_now_are_counted_across_a_change_of_the_clocks() -> None:
    before = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)  # 01:30, half an hour before

    assert understood("in 2 hours", before, STOCKHOLM) == datetime(2026, 3, 29, 2, 30, tzinfo=UTC)


@given(
    st.text(max_size=20)
    | st.lists(
        st.sampled_from(["at", "kl", "in", "om", "5", "17:00", "pm", "fredag", "1/5", "2026", "maj", "nästa"])
    ).map(" ".join)
)
@example("9999-12-31T23:59:59-12:00")
@example("0001-01-01 00:00+14:00")
@example("in 99999999 years")
@example("om 9999999999999 timmar")
@settings(max_examples=150)
def test_any_text_is_a_day_an_instant_or_unclear(text: str) -> None:
    try:
        found = understood(text, NOW, STOCKHOLM)
    except UnclearDateError:
        return

    assert isinstance(found, date)


def test_the_parser_is_imported_only_for_what_needs_it() -> None:
    output = run_python(
        "import sys\n"
        "from datetime import UTC, datetime\n"
        "from zoneinfo import ZoneInfo\n"
        "from stina_todos.when import understood\n"
        "for text in ('2026-05-01', '17:00', '2026-05-01T10:00', 'fredag kl 9'):\n"
        "    understood(text, datetime.now(UTC), ZoneInfo('UTC'))\n"
        "print('dateparser' in sys.modules)\n"
    )

    assert output.split() == ["False"]


MONTHS = (
    "january february march april may june july august september october november december",
    "januari februari mars april maj juni juli augusti september oktober november december",
)


@pytest.mark.parametrize("months", [names.split() for names in MONTHS], ids=["en", "sv"])
def test_every_day_of_a_year_is_the_next_one_and_no_other_is_one(months: list[str]) -> None:
    first = date(2027, 2, 28)
    now = datetime(2027, 2, 28, 12, tzinfo=UTC)
    days = [first + timedelta(number) for number in range(365)]
    for day in days:
        assert understood(f"{day.day} {months[day.month - 1]}", now, STOCKHOLM) == day
    for nothing in ("30 2", "31 2", "31 4", "31 6", "31 9", "31 11", "32 1"):
        number, month = nothing.split()
        with pytest.raises(UnclearDateError):
            understood(f"{number} {months[int(month) - 1]}", now, STOCKHOLM)
