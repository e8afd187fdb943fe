"""X-transpose-X as a GPU computes it, by the same path on the CPU."""

import numpy as np
import pytest
import torch

from dlcli.linear.objectives import gram
from dlcli.linear.objectives.gram import DeviceGram, gram_on
from dlcli.linear.objectives.moments import numpy_gram


@pytest.mark.parametrize("order", ["C", "F"])
def test_pieces(order, monkeypatch):
    """Pieces from two buffers, the last one shorter, then a table that needs larger and one that needs smaller ones."""
    monkeypatch.setattr(gram, "PIECE", 40)
    on_device = DeviceGram("cpu")
    for shape in ((3, 4), (107, 4), (1, 50), (50, 2)):
        Z = np.asarray(np.random.default_rng(0).normal(size=shape), order=order)
        np.testing.assert_allclose(on_device(Z), Z.T @ Z, rtol=1e-13, atol=1e-13)


def test_the_cpu_needs_no_torch():
    assert gram_on("cpu") is numpy_gram


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_cuda(monkeypatch):
    """Page-locked buffers that are filled again while the copy before is under way."""
    monkeypatch.setattr(gram, "PIECE", 1 << 16)
    Z = np.random.default_rng(0).normal(size=(200_000, 8))
    np.testing.assert_allclose(gram_on("cuda")(Z), Z.T @ Z, rtol=1e-12)
