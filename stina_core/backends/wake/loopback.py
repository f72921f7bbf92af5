"""The same with UDP on 127.0.0.1, for systems whose Python has no Unix sockets (Windows).

Any program of this computer can send there. It could only wake a listener for nothing.
"""

from __future__ import annotations

import os
import socket

from .mailbox import Mailbox
from .place import Place, new_name

HOST = "127.0.0.1"


def open_loopback(place: Place) -> Mailbox:
    """Listen at a new port, which a file in *place* names.

    Raises:
        OSError: the place is refused or cannot be made, or there is no port.
    """
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        receiver.setblocking(False)
        receiver.bind((HOST, 0))
        name = new_name(f"{receiver.getsockname()[1]}.udp")
        place.enter(lambda directory: _make_file(f"{directory}/{name}"))
    except BaseException:
        receiver.close()
        raise
    return Mailbox(place, name, receiver)


def is_deserted(port: int) -> bool:
    """Whether no socket is bound to *port*: then its listener is gone, for it binds before it makes its file.

    Sending tells nothing: a datagram to a closed port is reported to a connected
    socket only, at its next send. A process id is no better: it may be somebody
    else's by now, and Windows cannot ask for one without harm.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return False  # taken, or not ours to try
    return True


def _make_file(path: str) -> None:
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
