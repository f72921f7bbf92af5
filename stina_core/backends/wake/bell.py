"""The writers' side: one empty datagram to everybody whose file lies in the place."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

from ...log import get_logger
from . import forks
from .place import Peer, Place

if TYPE_CHECKING:
    import socket

_log = get_logger(__name__)

_SETTLED = 100_000_000
"""Nanoseconds after a directory's last change from which a list of it can be kept.

A file system's clock ticks every 4 ms or so: two changes within a tick leave one
time, and a list made between them would look current for ever.
"""

_PROBE_INTERVAL = 1.0
"""Seconds between two checks whether somebody still holds a listener's port."""


class PlaceBell:
    """Rings at all listeners of one place, whichever kind of socket they have.

    A listener that does not read holds up nobody: its queue fills, and a wake is
    waiting there already. What a dead one left behind is removed by the ring that finds it.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._closed = False
        self._told = False
        self._reset()
        forks.remember(self)

    def _reset(self) -> None:
        self._lock = (
            threading.RLock()
        )  # of each ring: a listener may have read before another thread's commit
        self._sockets: dict[bool, socket.socket] = {}  # by whether it is for ports
        self._peers: tuple[Peer, ...] = ()
        self._peers_of: tuple[int, int, int] | None = (
            None  # device, inode and time of change they were read at
        )
        self._probed: dict[str, float] = {}

    def ring(self) -> None:
        """Wake every listener. With none, this costs one look for the place."""
        # Where nobody listened the last time, a third of what a stat costs that fails with an exception.
        if self._peers_of is None and not os.access(self._place.path, os.F_OK):
            return
        try:
            found = os.lstat(self._place.path)
        except FileNotFoundError:  # the last listener left
            self._peers_of = None
            return
        except OSError as error:
            self._tell(error.strerror)
            return
        with self._lock:
            if self._closed:
                return
            if fault := self._place.fault(found):
                self._tell(fault)
                return
            try:
                self._send(self._listed(found))
            except FileNotFoundError:
                return  # the last listener left
            except OSError as error:
                self._tell(error.strerror)

    def close(self) -> None:
        """Close its sockets; later rings do nothing."""
        with self._lock:
            self._closed = True
            self._close_sockets()

    def part_from_parent(self) -> None:
        """In a child after fork(): start anew."""
        self._close_sockets()
        self._reset()

    def _listed(self, found: os.stat_result) -> tuple[Peer, ...]:
        version = (found.st_dev, found.st_ino, found.st_mtime_ns)
        if version != self._peers_of:
            settled = time.time_ns() - found.st_mtime_ns > _SETTLED  # of now: later is too late to tell
            self._peers = self._place.peers()
            self._peers_of = version if settled else None
            self._probed = {peer.name: self._probed.get(peer.name, 0.0) for peer in self._peers if peer.port}
        return self._peers

    def _send(self, peers: tuple[Peer, ...]) -> None:
        if not peers:
            return
        with self._place.short_path() as directory:
            dead = [peer for peer in peers if not self._reach(peer, directory)]
        for peer in dead:
            self._place.remove(peer.name)

    def _reach(self, peer: Peer, directory: str) -> bool:
        """Send to one listener; False if nobody is there any more."""
        sender = self._sender(peer.port is not None)
        try:
            if peer.port is None:
                sender.sendto(b"", f"{directory}/{peer.name}")
            else:
                from .loopback import HOST

                sender.sendto(b"", (HOST, peer.port))
        except BlockingIOError:
            return True  # its queue is full
        except ConnectionRefusedError:
            return False
        except OSError as error:  # it left this moment, or is another user's; whatever it is, it polls
            _log.debug("wake.unsent", path=self._place.path, error=error.strerror)
            return True
        return peer.port is None or not self._is_deserted(peer.name, peer.port)

    def _is_deserted(self, name: str, port: int) -> bool:
        now = time.monotonic()
        if now - self._probed.get(name, 0.0) < _PROBE_INTERVAL:
            return False
        self._probed[name] = now
        from .loopback import is_deserted

        return is_deserted(port)

    def _sender(self, for_ports: bool) -> socket.socket:
        sender = self._sockets.get(for_ports)
        if sender is None:
            import socket

            sender = socket.socket(socket.AF_INET if for_ports else socket.AF_UNIX, socket.SOCK_DGRAM)
            sender.setblocking(False)
            self._sockets[for_ports] = sender
        return sender

    def _close_sockets(self) -> None:
        for sender in self._sockets.values():
            sender.close()
        self._sockets.clear()

    def _tell(self, why: str | None) -> None:
        if self._told:
            return
        try:
            _log.warning("wake.bell_off", path=self._place.path, error=why)
        except (ImportError, OSError):
            return  # the log is loaded at its first record, which takes descriptors; a later ring tells
        self._told = True
