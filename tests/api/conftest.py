"""Saved models, and the command in this process."""

import contextlib

import numpy as np
import polars as pl
import pytest

from dlcli.cli.app import run
from tests.cli.conftest import app

__all__ = ["app"]


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A table ``t.csv`` of numbers, texts and gaps, and models of it: ``numbers`` and ``classes``."""
    folder = tmp_path_factory.mktemp("api")
    rng = np.random.default_rng(0)
    size, kind = rng.normal(size=90).round(3), np.array(["low", "mid", "high"])[rng.integers(0, 3, 90)]
    gaps = [None if n % 20 == 3 else float(n % 7) for n in range(90)]
    price = (2 * size + (kind == "high") + rng.normal(size=90) / 3).round(3)
    label = np.where(price + rng.normal(size=90) > 0, "dear", "cheap")
    pl.DataFrame({"size": size, "kind": kind, "age": gaps, "price": price, "label": label}).write_csv(folder / "t.csv")
    with contextlib.chdir(folder):
        plain = ["--plots", "none", "--quiet"]
        assert run(["fit-linear", "t.csv", "--target", "price", "--drop", "label", "--out", "numbers", *plain]) == 0
        assert run(["fit-linear", "t.csv", "--target", "label", "--drop", "price", "--out", "classes", *plain]) == 0
        assert run(["fit-linear", "t.csv", "--target", "kind", "--features", "size,age", "--out", "three", *plain]) == 0
    return folder
