"""Tests of many parameters, of which a part runs each time and all with ``pytest --long``.

``@pytest.mark.thinned(8)`` leaves about eight of a function's cases: the same ones everywhere, such that each value of
each parameter occurs, as far as eight suffice.
"""

import hashlib
import os
from collections import defaultdict

import pytest

from tests.thinning.examples import SAID

HELP = "run all cases of tests that are thinned, and more examples of properties"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option."""
    parser.addoption("--long", action="store_true", help=HELP)


def pytest_configure(config: pytest.Config) -> None:
    """The marker; workers are told by the environment."""
    if config.getoption("--long"):
        os.environ[SAID] = "1"
    config.addinivalue_line("markers", "thinned(cases): so many of the cases run, all with --long")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take out the cases that are left to ``--long``; those that are asked for by name stay."""
    if config.getoption("--long") or any("[" in given for given in config.args):
        return
    cases = defaultdict(list)
    for item in items:
        if item.get_closest_marker("thinned") is not None:
            cases[item.nodeid.partition("[")[0]].append(item)
    left = {item for several in cases.values() for item in several} - {
        item for several in cases.values() for item in chosen(several)
    }
    if left:
        config.hook.pytest_deselected(items=list(left))
        items[:] = [item for item in items if item not in left]


def chosen(items: list[pytest.Item]) -> list[pytest.Item]:
    """Those of a function's cases that run: greedily the one with the most values that haven't occurred."""
    marker = items[0].get_closest_marker("thinned")
    assert marker is not None
    rest = sorted(items, key=lambda item: hashlib.sha256(item.nodeid.encode()).digest())
    seen: set[tuple[str, int]] = set()
    found: list[pytest.Item] = []
    while rest and len(found) < marker.args[0]:
        best = max(rest, key=lambda item: len(_values(item) - seen))
        seen |= _values(best)
        found.append(best)
        rest.remove(best)
    return found


def _values(item: pytest.Item) -> set[tuple[str, int]]:
    """Its parameters by name and identity: values are the same objects in all cases, and may have no hash."""
    return {(name, id(value)) for name, value in item.callspec.params.items()}  # type: ignore[attr-defined]
