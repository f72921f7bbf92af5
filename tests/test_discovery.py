from __future__ import annotations

import random
from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stina_core import installed_plugins, local_plugin
from stina_core.entrypoints import normalised
from stina_core.plugins import Candidate
from stina_core.plugins.discovery import _required_distributions, in_order, required

NAMES = list("abcdefgh")


def candidates(requirements: Mapping[str, Iterable[str]]) -> list[Candidate]:
    return [local_plugin(name, None, requires=requires) for name, requires in requirements.items()]


GRAPHS = st.dictionaries(st.sampled_from(NAMES), st.sets(st.sampled_from(NAMES), max_size=3))
ACYCLIC = GRAPHS.map(
    lambda graph: {name: {one for one in needed if one < name} for name, needed in graph.items()}
)


def names(found: list[Candidate]) -> list[str]:
    return [candidate.name for candidate in found]


@given(ACYCLIC)
def test_every_plugin_comes_after_those_it_requires(graph: dict[str, set[str]]) -> None:
    ordered, circles = in_order(candidates(graph))

    place = {name: index for index, name in enumerate(names(ordered))}
    assert set(place) == set(graph)
    assert not circles
    assert all(place[needed] < place[name] for name in graph for needed in graph[name] & set(graph))


@given(GRAPHS, st.randoms(use_true_random=False))
def test_order_does_not_depend_on_the_order_of_discovery(
    graph: dict[str, set[str]], shuffler: random.Random
) -> None:
    found = candidates(graph)
    shuffled = list(found)
    shuffler.shuffle(shuffled)

    ordered, circles = in_order(found)
    again, same_circles = in_order(shuffled)

    assert names(again) == names(ordered)
    assert same_circles == circles


@given(ACYCLIC)
def test_ties_are_broken_by_name(graph: dict[str, set[str]]) -> None:
    ordered = names(in_order(candidates(graph))[0])

    done: set[str] = set()
    for name in ordered:
        ready = {one for one in graph if one not in done and graph[one] & set(graph) <= done}
        assert name == min(ready)
        done.add(name)


@given(GRAPHS)
def test_plugins_that_require_each_other_are_circles_and_no_others(graph: dict[str, set[str]]) -> None:
    pairs = {(name, needed) for name in graph for needed in graph[name] & set(graph) if needed != name}
    for middle in graph:  # Warshall's closure, another way than the one that is tested
        pairs |= {(a, b) for a in graph for b in graph if (a, middle) in pairs and (middle, b) in pairs}

    ordered, circles = in_order(candidates(graph))

    assert circles == {
        name: sorted(other for other in graph if (name, other) in pairs and (other, name) in pairs)
        for name in graph
        if (name, name) in pairs
    }
    assert set(names(ordered)) == set(graph) - set(circles)


def test_requirements_are_found_by_the_normalised_name_of_the_distribution() -> None:
    chat = Candidate("chat", "Stina_Chat.Plugin", "1", frozenset(), object)
    todos = local_plugin("todos", None, requires=["stina-chat-plugin"])

    assert required(todos, [chat, todos]) == ["chat"]


def test_distribution_that_requires_itself_for_an_extra_is_no_circle() -> None:
    one = Candidate("one", "both", "1", frozenset({"both"}), object)
    two = Candidate("two", "both", "1", frozenset({"both"}), object)

    ordered, circles = in_order([two, one])

    assert (names(ordered), circles) == (["one", "two"], {})


@pytest.mark.parametrize(
    ("requirement", "found"),
    [
        ("stina-chat", ["stina-chat"]),
        ("Stina_Chat >=1,<2", ["stina-chat"]),
        (" stina.chat[fast,slow]~=1.0 ; python_version >= '3.11'", ["stina-chat"]),
        ("stina-chat (>=1)", ["stina-chat"]),
        ("stina-chat@ https://example.org/x.whl", ["stina-chat"]),
        ("stina-chat; extra == 'all'", []),
        ('stina-chat ; python_version >= "3" and extra == "all"', []),
        ("", []),
        ("!", []),
    ],
)
def test_names_are_read_from_requirements(requirement: str, found: list[str]) -> None:
    assert list(_required_distributions([requirement])) == found


@given(st.text("abcXYZ-_.", min_size=1))
def test_normalising_twice_changes_nothing_more(name: str) -> None:
    assert normalised(normalised(name)) == normalised(name)
    assert normalised(name.upper()) == normalised(name)


def test_installed_plugins_are_sorted_and_not_imported() -> None:
    found = installed_plugins()

    assert names(found) == sorted(names(found))
    assert ("kv", "stina-kv") in [(one.name, one.distribution) for one in found]
