from __future__ import annotations

import io
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stina_core import get_logger, local_plugin
from stina_core.log import configure

from .declarations import making, opened, plugin, stepping


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger("stina")
    before = list(root.handlers), root.level, root.propagate
    yield io.StringIO()
    root.handlers[:], root.level, root.propagate = before
    root.setLevel(before[1])


def run(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )


def test_every_level_is_silent_until_a_program_configures_the_log() -> None:
    done = run(
        "from stina_core import get_logger\n"
        "log = get_logger('x')\n"
        "log.debug('a.b'); log.info('a.b'); log.warning('a.b')\n"
        "try: 1 / 0\n"
        "except ZeroDivisionError: log.exception('a.failed')\n"
    )

    assert (done.stdout, done.stderr) == ("", "")


def test_failing_plugin_is_one_line_on_the_configured_stream_and_nothing_on_stdout() -> None:
    done = run(
        "import sys\n"
        "from stina_core import StoreConfig, load_plugins, local_plugin\n"
        "from stina_core.log import configure\n"
        "configure(sys.stderr)\n"
        "load_plugins([local_plugin('bad', object())], StoreConfig())\n"
    )

    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "event='plugin.failed'" in done.stderr
    assert "plugin='bad'" in done.stderr


def test_failures_are_logged_by_name_and_never_with_what_an_error_says(
    store_path: Path, stream: io.StringIO
) -> None:
    def fail(*arguments: object) -> None:
        raise ValueError("secret words")

    configure(stream, logging.DEBUG)
    declaring_wrong = local_plugin("declares", plugin(migrate=lambda migrations: fail()))

    opened(store_path, declaring_wrong, stepping("steps", making("note"), fail)).close()

    log = stream.getvalue()
    assert "plugin='declares' error='HookError'" in log
    assert "event='plugin.quarantined' plugin='steps' step='0002_step'" in log
    assert "event='step.applied' plugin='stina' step='0001_core'" in log
    assert "secret" not in log


def test_configured_log_has_event_level_time_and_facts(stream: io.StringIO) -> None:
    configure(stream)

    get_logger("stina_core.x").info("step.applied", plugin="notes", step="0001_initial", ms=3)

    line = stream.getvalue()
    assert line.startswith("event='step.applied' ")
    for part in ("plugin='notes'", "step='0001_initial'", "ms=3", "level='info'", "timestamp="):
        assert part in line
    assert line.count("\n") == 1


def test_level_holds_back_what_is_below_it(stream: io.StringIO) -> None:
    configure(stream, logging.WARNING)

    log = get_logger("x")
    log.debug("a.debugged")
    log.info("a.told")
    log.warning("a.warned")

    assert "a.warned" in stream.getvalue()
    assert "a.told" not in stream.getvalue()
    assert "a.debugged" not in stream.getvalue()


def test_configuring_again_replaces_the_stream(stream: io.StringIO) -> None:
    first = io.StringIO()
    configure(first)
    configure(stream)

    get_logger("x").warning("a.warned")

    assert first.getvalue() == ""
    assert stream.getvalue().count("a.warned") == 1


def test_exception_is_logged_with_its_traceback(stream: io.StringIO) -> None:
    configure(stream)

    try:
        raise RuntimeError("the reason")
    except RuntimeError:
        get_logger("x").exception("hook.failed", plugin="notes")

    assert "hook.failed" in stream.getvalue()
    assert "RuntimeError: the reason" in stream.getvalue()


def test_traceback_is_one_fact_of_one_line_or_left_out(stream: io.StringIO) -> None:
    said = []
    for tracebacks in (True, False):
        configure(stream, tracebacks=tracebacks)
        try:
            raise RuntimeError("the reason")
        except RuntimeError:
            get_logger("x").exception("hook.failed", note="a exception=b")
        said.append(stream.getvalue())
        stream.seek(0)
        stream.truncate()

    with_it, without = said
    assert (with_it.count("\n"), without.count("\n")) == (1, 1)
    assert " exception='Traceback " in with_it
    assert "Traceback" not in without
    assert all("note='a exception=b'" in line for line in said)


def test_records_carry_their_facts_for_filters(caplog: pytest.LogCaptureFixture) -> None:
    get_logger("x").warning("a.warned", rows=3)

    [record] = caplog.records
    facts = vars(record)["facts"]
    assert (facts["event"], facts["rows"]) == ("a.warned", 3)


def test_events_reach_a_programs_own_logging_without_configure(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="stina"):
        get_logger("x").info("a.told", key="k1")

    assert [record.name for record in caplog.records] == ["stina.x"]
    assert "key='k1'" in caplog.text


def test_percent_signs_and_line_ends_in_facts_stay_on_one_line(stream: io.StringIO) -> None:
    configure(stream)

    get_logger("x").warning("a.warned", path="100%s\nnext")

    assert stream.getvalue().count("\n") == 1
    assert "100%s\\nnext" in stream.getvalue()


def test_structlog_is_not_imported_before_the_first_event_that_is_wanted() -> None:
    done = run(
        "import sys\n"
        "from stina_core import get_logger\n"
        "get_logger('x').debug('a.b')\n"
        "print('structlog' in sys.modules)\n"
        "import logging; logging.getLogger('stina').setLevel(logging.DEBUG)\n"
        "get_logger('x').debug('a.b')\n"
        "print('structlog' in sys.modules)\n"
    )

    assert done.stdout.split() == ["False", "True"]


def test_facts_may_have_any_type(stream: io.StringIO) -> None:
    configure(stream)
    facts: dict[str, Any] = {"rows": 3, "ms": None, "table": ("a", 1)}

    get_logger("x").info("a.told", **facts)

    assert "rows=3" in stream.getvalue()
