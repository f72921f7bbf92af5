"""The figures of the change feed, with other ways to hear of a write in the same run.

`python -m bench.feed` prints all; see `__main__`.
"""
