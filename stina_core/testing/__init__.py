"""The kit for plugin authors and for our own tests.

Installed as a pytest plugin with `stina-core`: the fixtures of
`stina_core.testing.pytest_plugin` are there without an import, and no test can
reach the real `~/.stina`. For property-based tests, which want no fixtures, use
`memory_store()` inside the test.
"""

from .processes import Running, run_python, run_together, running_python
from .stores import file_rows, memory_store, plugins_of

__all__ = [
    "Running",
    "file_rows",
    "memory_store",
    "plugins_of",
    "run_python",
    "run_together",
    "running_python",
]
