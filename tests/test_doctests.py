"""The examples in docstrings do what they show."""

import doctest
import importlib

import pytest

from tests.test_architecture import MODULES

WITH_EXAMPLES = [module for module, path in MODULES.items() if ">>> " in path.read_text()]


@pytest.mark.parametrize("module", WITH_EXAMPLES)
def test_examples_of_docstrings(module):
    found = doctest.testmod(importlib.import_module(module))
    assert found.attempted
    assert not found.failed
