"""Reads and writes of projects."""

from __future__ import annotations

from stina_core import InvalidValueError, Repository, new_id, now

from . import part_queries as queries
from .texts import filled, folded, text_of, title_of
from .values import ProjectValue

_NAME = "todos_project.name"
_DESCRIPTION = "todos_project.description"


class ProjectRepository(Repository):
    """What todos belong to.

    Semantics:
        - No two projects have the same name; letter case does not count, in any script.
        - Each write is told as a change of one row of `todos_project`; deleting one also as
          an update of each todo that was in it.
    """

    def get(self, id: str) -> ProjectValue:
        """Return a project by its id; NotFoundError if there is none."""
        return queries.project_by_id.get(id)

    def find(self, name: str) -> ProjectValue | None:
        """Return the project that is called *name*, or None."""
        return queries.project_by_name.find(folded(title_of(name, _NAME)))

    def add(self, name: str, *, description: str = "", id: str | None = None) -> ProjectValue:
        """Make a project and return it.

        Raises:
            InvalidValueError: the name is not 1 to 500 characters, or another project has it.
        """
        name = title_of(name, _NAME)
        text = text_of(description, _DESCRIPTION).strip()
        key = new_id() if id is None else filled(id, "todos_project.id")
        with self.transaction():
            self._check_free(name)
            (project,) = queries.new_project(key, name, folded(name), text, now())
        return project

    def ensure(self, name: str) -> ProjectValue:
        """Return the project that is called *name*, made if there is none."""
        with self.transaction():
            found = self.find(name)
            return self.add(name) if found is None else found

    def rename(self, id: str, name: str) -> ProjectValue:
        """Give a project another name and return it; the name it has already is not written.

        Raises:
            InvalidValueError: as for `add()`.
            NotFoundError: there is no such project.
        """
        name = title_of(name, _NAME)
        with self.transaction():
            project = queries.project_by_id.get(id)
            if project.name == name:
                return project
            if folded(project.name) != folded(name):
                self._check_free(name)
            (renamed,) = queries.name_project(id, name, folded(name), now())
        return renamed

    def describe(self, id: str, description: str) -> ProjectValue:
        """Give a project another description, trimmed, and return it; the one it has already is not written.

        Raises:
            InvalidValueError: it is no text.
            NotFoundError: there is no such project.
        """
        text = text_of(description, _DESCRIPTION).strip()
        with self.transaction():
            project = queries.project_by_id.get(id)
            if project.description == text:
                return project
            (described,) = queries.describe_project(id, text, now())
        return described

    def archive(self, id: str, archived: bool = True) -> ProjectValue:
        """Put a project aside, or take it back, and return it; its todos stay as they are.

        Raises:
            NotFoundError: there is no such project.
        """
        with self.transaction():
            project = queries.project_by_id.get(id)
            if (project.archived_at is not None) == archived:
                return project
            at = now()
            (changed,) = queries.put_aside(id, at if archived else None, at)
        return changed

    def delete(self, id: str) -> bool:
        """Remove a project and return whether it was there; its todos stay, without a project."""
        return bool(queries.remove_project(id))

    def list(self, *, archived: bool = False) -> list[ProjectValue]:
        """Return the projects by name; those put aside only with *archived*."""
        everyone = queries.projects.list("")
        return [project for project in everyone if archived or project.archived_at is None]

    def _check_free(self, name: str) -> None:
        if queries.project_by_name.exists(folded(name)):
            raise InvalidValueError(_NAME, "another project has this name; letter case does not count")
