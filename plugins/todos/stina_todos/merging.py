"""How rows of another store are merged into this one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stina_core import Here, Value


def project(row: dict[str, Value], here: Here) -> dict[str, Value]:
    """Return the project of this name that is here; *row* if there is none."""
    return here.find(name_key=row["name_key"]) or row


def todo(row: dict[str, Value], here: Here) -> dict[str, Value]:
    """Return *row* in the manual order where it is, or right after what has that place here."""
    place = str(row["position"])
    while here.find(position=place):
        place += "1"  # places are fractions
    return {**row, "position": place}
