"""Which plugins are installed: read from entry points, without importing any of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from heapq import heappop, heappush
from importlib.metadata import Distribution, EntryPoint

from ..entrypoints import UNREADABLE, entry_points_of, normalised

GROUP = "stina.plugins"
"""A change of the plugin API that breaks plugins gets a new group name."""

_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")


@dataclass(frozen=True)
class Candidate:
    """A plugin that could be loaded.

    Attributes:
        distribution: Name of the distribution that brings it.
        requires: Normalised names of the distributions that one requires.
        load: Imports the plugin and returns the object that holds its hooks.
    """

    name: str
    distribution: str
    version: str
    requires: frozenset[str]
    load: Callable[[], object]


def installed_plugins() -> list[Candidate]:
    """Return the plugins of this environment, by name; a damaged distribution is passed over."""
    found = [_candidate(point) for point in entry_points_of(GROUP)]
    return sorted(found, key=lambda candidate: (candidate.name, candidate.distribution))


def local_plugin(name: str, plugin: object, *, requires: Iterable[str] = (), version: str = "0") -> Candidate:
    """Return a plugin that is not installed: a module or object at hand, in tests and scripts.

    Args:
        requires: Names of the local plugins it requires.
    """
    return Candidate(name, name, version, frozenset(map(normalised, requires)), lambda: plugin)


def in_order(candidates: Sequence[Candidate]) -> tuple[list[Candidate], dict[str, list[str]]]:
    """Return *candidates*, required ones first, ties by name; and the names that require each other.

    The second value maps each plugin that requires itself in the end to all that
    do so together with it; those are left out of the first. Names are unique here.
    """
    known = {candidate.name: candidate for candidate in candidates}
    needs = {name: required(candidate, candidates) for name, candidate in known.items()}
    reached = {name: _reachable(name, needs) for name in needs}
    circles = {
        name: sorted(other for other in found if name in reached[other])
        for name, found in reached.items()
        if name in found
    }
    sorter = TopologicalSorter(
        {name: [one for one in needs[name] if one not in circles] for name in needs if name not in circles}
    )
    sorter.prepare()
    ready: list[str] = []
    ordered: list[Candidate] = []
    while sorter.is_active():
        for name in sorter.get_ready():
            heappush(ready, name)
        name = heappop(ready)
        ordered.append(known[name])
        sorter.done(name)
    return ordered, circles


def _reachable(name: str, needs: Mapping[str, Sequence[str]]) -> set[str]:
    """Everything *name* requires, directly or not; itself only if it is in a circle."""
    found: set[str] = set()
    left = list(needs[name])
    while left:
        one = left.pop()
        if one not in found:
            found.add(one)
            left += needs[one]
    return found


def required(candidate: Candidate, others: Iterable[Candidate]) -> list[str]:
    """Return the names of the plugins among *others* whose distribution *candidate*'s requires."""
    return sorted(
        other.name
        for other in others
        if normalised(other.distribution) in candidate.requires
        and other.distribution != candidate.distribution  # an extra requires its own distribution
    )


def _candidate(point: EntryPoint) -> Candidate:
    try:
        distribution, version, requires = _origin(point.dist)
    except UNREADABLE:
        distribution, version, requires = "unknown", "unknown", []
    return Candidate(
        point.name, distribution, version, frozenset(_required_distributions(requires)), point.load
    )


def _origin(distribution: Distribution | None) -> tuple[str, str, list[str]]:
    if distribution is None:
        raise ValueError("an entry point of no distribution")
    return str(distribution.name), str(distribution.version), list(distribution.requires or ())


def _required_distributions(requirements: Iterable[str]) -> Iterable[str]:
    for requirement in requirements:
        match = _REQUIREMENT.match(requirement)
        if match and "extra" not in requirement.partition(";")[2]:
            yield normalised(match[1])
