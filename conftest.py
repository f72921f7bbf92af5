"""What holds for every test of this repository."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile(
    "stina", deadline=None
)  # a busy machine makes one example slow, which proves nothing
settings.load_profile("stina")
