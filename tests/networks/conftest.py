"""Networks in these tests are small."""

import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread():
    """Beside other processes, threads of so small networks mostly wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
