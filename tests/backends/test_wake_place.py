"""Where listeners are found: by whom, and by whom not."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from stina_core.backends.wake import Reason, bell, bell_of, is_place, waiter, waiter_of
from stina_core.backends.wake.place import Peer, Place
from stina_core.testing import running_python

from .wakes import DEADLINE, LISTENING, WAYS, place_of

DOORBELL = WAYS["doorbell"]


def heard(listened: Path, rung: Path) -> bool:
    one, ringer = waiter_of(str(listened), DOORBELL), bell_of(str(rung))
    try:
        ringer.ring()
        return one.wait(0) == Reason.BELL
    finally:
        one.close()
        ringer.close()


def test_place_is_beside_the_file_and_its_owners_alone(store_path: Path) -> None:
    one = waiter_of(str(store_path), DOORBELL)

    assert stat.S_IMODE(place_of(store_path).stat().st_mode) == 0o700
    assert [stat.S_ISSOCK(file.stat().st_mode) for file in place_of(store_path).iterdir()] == [True]
    one.close()
    assert list(store_path.parent.iterdir()) == []


@pytest.mark.parametrize("way", ["doorbell", "loopback"])
def test_processes_meet_whatever_their_environment_and_their_name_for_the_file(
    store_path: Path, tmp_path: Path, way: str
) -> None:
    """The listener runs as cron would run it; the writers know the file by a link and by a relative path."""
    other = tmp_path / "elsewhere"
    other.mkdir()
    (other / "link.db").symlink_to(store_path)
    strange = f"""
import os
os.environ.clear()
os.chdir({str(other)!r})
"""
    ringing = """
os.environ.update(HOME="/nowhere", TMPDIR="/nowhere", XDG_RUNTIME_DIR="/nowhere")
from stina_core.backends.wake import bell_of
for path in ("link.db", "../stina.db", "../elsewhere/./link.db"):
    sys.stdin.readline()
    bell_of(path).ring()
    say("rung")
"""
    waiting = "while True: say(waiter.wait(20).name)"
    with (
        running_python(strange + LISTENING + waiting, store_path, way) as listener,
        running_python(strange + ringing) as writer,
    ):
        listener.hear("listening")
        for _ in range(3):
            writer.say()
            assert listener.hear("BELL") == ""


def test_one_look_tells_whether_somebody_may_listen(store_path: Path) -> None:
    assert not is_place(str(store_path))

    one = waiter_of(str(store_path), DOORBELL)

    assert is_place(str(store_path))
    one.close()
    assert not is_place(str(store_path))


def test_path_stays_what_it_was_when_the_process_changes_its_directory(
    store_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(store_path.parent)
    one, ringer = waiter_of(store_path.name, DOORBELL), bell_of(store_path.name)

    monkeypatch.chdir("/")
    ringer.ring()

    assert one.wait(0) == Reason.BELL
    one.close()
    ringer.close()


def test_path_of_any_length_is_good() -> None:
    """An address has 108 bytes; what does not fit goes through the directory's descriptor."""
    with tempfile.TemporaryDirectory(dir="/tmp") as made:
        for length in (1, 20, *range(30, 80), 200):
            path = Path(made, "å" * (length // 2) + "x" * (length % 2))
            assert heard(path, path), length
        deep = Path(made, *["d" * 200] * 10)
        deep.mkdir(parents=True)
        assert heard(deep / "stina.db", deep / "stina.db")


def test_path_too_long_is_off_where_there_is_no_such_descriptor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("stina_core.backends.wake.place.sys.platform", "darwin")
    path = tmp_path / ("d" * 100)

    assert not heard(path, path)

    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "File name too long" in caplog.text


def make_world_writable(place: Path) -> None:
    place.mkdir()
    place.chmod(0o777)


def make_link(place: Path) -> None:
    target = place.with_name("target")
    target.mkdir(0o700)
    place.symlink_to(target)


UNSAFE: dict[str, Callable[[Path], None]] = {
    "world": make_world_writable,
    "link": make_link,
    "file": Path.touch,
}


@pytest.mark.parametrize("unsafe", UNSAFE)
def test_unsafe_place_is_refused_and_told_once(
    store_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, unsafe: str
) -> None:
    monkeypatch.setattr(waiter, "_RETRY", 0.0)
    place = place_of(store_path)
    UNSAFE[unsafe](place)

    one, ringer = waiter_of(str(store_path), DOORBELL), bell_of(str(store_path))
    for _ in range(3):
        ringer.ring()
        assert one.wait(0) == Reason(0)

    assert one.interval == 0.05
    assert len(caplog.records) == 2
    assert "wake.way_off" in caplog.records[0].message
    assert "wake.bell_off" in caplog.records[1].message

    if place.is_dir() and not place.is_symlink():
        place.rmdir()
    else:
        place.unlink()
    assert one.wait(0) == Reason.BELL  # it works from here on, and tells that it did not
    ringer.ring()
    assert one.wait(0) == Reason.BELL
    one.close()
    ringer.close()


def test_bell_sends_nothing_into_an_unsafe_place_and_removes_nothing(store_path: Path) -> None:
    place, ringer = place_of(store_path), bell_of(str(store_path))
    place.mkdir(0o700)
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as alive,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as dead,
    ):
        alive.setblocking(False)
        alive.bind(f"{place}/1-00000001.sock")
        dead.bind(f"{place}/1-00000002.sock")
        dead.close()
        place.chmod(0o770)

        ringer.ring()
        with pytest.raises(BlockingIOError):
            alive.recv(1)
        assert len(list(place.iterdir())) == 2

        place.chmod(0o700)  # the control
        ringer.ring()
        assert alive.recv(1) == b""
        assert [file.name for file in place.iterdir()] == ["1-00000001.sock"]
    ringer.close()


def test_files_that_no_listener_made_are_left_alone(store_path: Path) -> None:
    place = place_of(store_path)
    place.mkdir(0o700)
    names = {"notes.txt", "1-zz.sock", "1-00000001.99999.udp", "1-00000001.0.udp", "1-00000001.sock.bak"}
    for name in names:
        (place / name).touch()

    assert heard(store_path, store_path)

    assert {file.name for file in place.iterdir()} == names


def test_nobody_makes_a_place_beside_the_database_of_another_user(
    store_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its owner could not ring there."""
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 12345)

    one = waiter_of(str(store_path), WAYS["all"])

    assert not place_of(store_path).exists()
    assert one.interval == 0.5
    assert caplog.text.count("belongs to another user") == 2
    one.close()


def test_place_of_a_stranger_is_refused(store_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = waiter_of(str(store_path), DOORBELL)
    stranger = os.getuid() + 12345
    monkeypatch.setattr(os, "geteuid", lambda: stranger)
    found = Path(place_of(store_path)).lstat()

    assert Place(str(store_path)).fault(found) is None  # the owner of the directory around it
    monkeypatch.setattr(Place, "_owners", lambda self: (stranger,))
    assert Place(str(store_path)).fault(found) == "it belongs to a stranger"
    one.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")
def test_root_wakes_the_listeners_of_a_user() -> None:
    user = 12345
    with tempfile.TemporaryDirectory(dir="/tmp") as made:
        path = Path(made, "stina.db")
        path.touch()
        os.chown(made, user, user)
        os.chown(path, user, user)
        listening = f"""
import os, stina_core.backends.wake.waiter, stina_core.backends.wake.doorbell
os.setuid({user})
"""
        with running_python(
            listening + LISTENING + "say(waiter.wait(20).name)", path, "doorbell"
        ) as listener:
            listener.hear("listening")
            ringer = bell_of(str(path))
            ringer.ring()
            assert listener.hear("BELL") == ""
            ringer.close()


@pytest.mark.parametrize("way", ["doorbell", "loopback"])
def test_place_removed_meanwhile_is_made_again(store_path: Path, way: str) -> None:
    one, ringer = waiter_of(str(store_path), WAYS[way]), bell_of(str(store_path))
    ringer.ring()
    assert one.wait(0) == Reason.BELL

    shutil.rmtree(place_of(store_path))
    ringer.ring()  # nobody can hear it

    assert one.wait(DEADLINE) == Reason.BELL
    assert one.wait(0) == Reason(0)
    ringer.ring()
    assert one.wait(DEADLINE) == Reason.BELL
    one.close()
    ringer.close()


def test_file_system_without_sockets_leaves_the_watch(
    store_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(self: Place, put: object) -> NoReturn:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(Place, "enter", refuse)
    one = waiter_of(str(store_path))

    store_path.write_bytes(b"changed")

    assert one.wait(DEADLINE) == Reason.FILE
    assert one.interval == 0.5
    assert len(caplog.records) == 1
    one.close()


@pytest.mark.parametrize("careful", [True, False])
def test_listener_that_came_within_one_tick_of_the_clock_is_heard(
    store_path: Path, monkeypatch: pytest.MonkeyPatch, careful: bool
) -> None:
    """The directory's time of change is the same before and after; the control trusts it."""
    if not careful:
        monkeypatch.setattr(bell, "_SETTLED", -(1 << 62))
    ringer, first = bell_of(str(store_path)), waiter_of(str(store_path), DOORBELL)
    place = place_of(store_path)
    time_of_change = place.stat().st_mtime_ns
    ringer.ring()
    second = waiter_of(str(store_path), DOORBELL)
    os.utime(place, ns=(time_of_change, time_of_change))

    ringer.ring()

    assert second.wait(0) == (Reason.BELL if careful else Reason(0))
    for one in (first, second, ringer):
        one.close()


def test_settled_place_is_listed_once(store_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lists: list[tuple[Peer, ...]] = []
    peers = Place.peers

    def listing(self: Place) -> tuple[Peer, ...]:
        lists.append(peers(self))
        return lists[-1]

    monkeypatch.setattr(Place, "peers", listing)
    ringer, one = bell_of(str(store_path)), waiter_of(str(store_path), DOORBELL)
    os.utime(place_of(store_path), ns=(1, 1))

    for _ in range(3):
        ringer.ring()

    assert len(lists) == 1
    one.close()
    ringer.close()
