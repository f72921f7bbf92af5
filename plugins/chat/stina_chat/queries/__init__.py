"""Every query of the plugin, stated once, by table; the core compiles each at its first call.

Where a list goes on is milliseconds, position and id, compared as one: so equal times,
and rows that come in between, neither repeat nor leave out anything.
"""
