"""The 35 features that a table has to keep when it is rebuilt."""

from .columns import COLUMNS
from .constraints import CONSTRAINTS
from .dependents import DEPENDENTS
from .feature import Feature
from .indexes import INDEXES
from .keys import KEYS
from .references import REFERENCES

FEATURES: tuple[Feature, ...] = (*INDEXES, *DEPENDENTS, *CONSTRAINTS, *COLUMNS, *REFERENCES, *KEYS)

__all__ = ["FEATURES", "Feature"]
