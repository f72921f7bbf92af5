"""The change feed: what was committed, read, followed, kept and pruned."""
