"""A listener's socket whose file in the place tells writers where to send."""

from __future__ import annotations

import socket

from .contract import Reason
from .place import Place
from .polling import READ, new_poll

_READS = 64
"""Most datagrams one wake takes away, so that a flood cannot hold the listener; what is left wakes it again."""


class Mailbox:
    """One open socket that takes datagrams, known to writers as *name* in *place*.

    Who sent a datagram and what is in it does not matter: it is a hint.
    """

    reason = Reason.BELL

    def __init__(self, place: Place, name: str, receiver: socket.socket) -> None:
        self._place = place
        self._name = name
        self._receiver = receiver
        self._more = new_poll()
        self._more.register(receiver.fileno(), READ)

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self._receiver.fileno()

    def is_lost(self) -> bool:
        """Whether no writer can find it any more, because its file was removed."""
        return not self._place.holds(self._name)

    def drain(self) -> bool:
        """Take away what was sent; always a reason to wake."""
        for _ in range(_READS):
            try:
                self._receiver.recv(1)
            except OSError:  # none is left; or it was cut (Windows), or its sender is gone: it was a hint
                break
            if not self._more.poll(0):  # costs a tenth of the exception
                break
        return True

    def close(self) -> None:
        """Stop listening; the file goes first, so that no writer takes it for a dead listener's.

        Raises:
            OSError: the file cannot be removed. The socket is closed all the same.
        """
        try:
            self._place.remove(self._name)
        finally:
            self._receiver.close()

    def abandon(self) -> None:
        """Close this process's copy of the socket and leave the file, which is the parent's."""
        self._receiver.close()
