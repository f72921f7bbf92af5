"""The figures of the plugins `chat` and `kv`, with the same statements by hand and plain Peewee in the same run.

`python -m bench.modules` prints all; see `__main__`.
"""
