"""Compiled queries: stated once in Peewee, built into SQL once, run with other values each time.

Building the SQL and filling the model objects is 80 to 90 % of what a query costs
through Peewee. A function that states one says all that is needed to do it once:

    @query(NoteValue)
    def _by_title(title: str) -> ModelSelect[Note]:
        return Note.select().where(Note.title == title)

    _by_title.find("Buy milk")
"""

from .reading import Query, query
from .writing import Returning, Write, returning, write

__all__ = ["Query", "Returning", "Write", "query", "returning", "write"]
