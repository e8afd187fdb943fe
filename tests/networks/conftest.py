"""Networks in these tests are small."""

import pytest


@pytest.fixture(autouse=True)
def small(one_thread):
    """One thread for all of them."""
