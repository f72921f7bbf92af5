"""The doorbell: a Unix datagram socket in the place of the database."""

from __future__ import annotations

import socket

from .mailbox import Mailbox
from .place import Place, new_name


def open_doorbell(place: Place) -> Mailbox:
    """Listen at a new socket in *place*.

    Raises:
        OSError: the place is refused or cannot be made, its path is too long, or
            its file system has no sockets.
    """
    name = new_name("sock")
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        receiver.setblocking(False)
        place.enter(lambda directory: receiver.bind(f"{directory}/{name}"))
    except BaseException:
        receiver.close()
        raise
    return Mailbox(place, name, receiver)
