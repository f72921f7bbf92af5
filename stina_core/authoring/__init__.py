"""Writes the next step of a plugin whose models have changed: `stina db make`."""
