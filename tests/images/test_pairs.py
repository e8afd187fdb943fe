"""Inputs and targets, pair by pair."""

import numpy as np
import pytest

from dlcli.errors import DlcliError
from dlcli.images.folders import Skipped
from dlcli.images.pairs import open_pairs
from tests.images.drawing import draw


def test_pairs_match_without_extension(tmp_path):
    for name in ("in/a.png", "in/b/c.bmp", "in/only.png", "in/wide.png"):
        draw(tmp_path / name)
    for name in ("out/b/c.png", "out/a.tif", "out/extra.png"):
        draw(tmp_path / name, channels=3)
    draw(tmp_path / "out/wide.png", 9, 8)
    (tmp_path / "out/only.jpg").write_bytes(b"")
    inputs, targets = open_pairs(str(tmp_path / "in"), str(tmp_path / "out"))
    assert inputs.names == ("a.png", "b/c.bmp")
    assert targets.names == ("a.tif", "b/c.png")
    assert inputs.channels == targets.channels == 3
    assert inputs.pixels(0).shape == targets.pixels(0).shape == (9, 7, 3)
    assert inputs.skipped == (
        Skipped("only.png", "has no target of the same name"),
        Skipped("wide.png", "is 7 x 9 pixels and its target 8 x 9"),
    )
    assert targets.skipped == (Skipped("only.jpg", "is empty"), Skipped("extra.png", "has no input of the same name"))


def test_pair_of_files_and_of_arrays(tmp_path):
    a, b = draw(tmp_path / "a.png"), draw(tmp_path / "b.png")
    inputs, targets = open_pairs(str(tmp_path / "a.png"), str(tmp_path / "b.png"))
    np.testing.assert_array_equal(inputs.pixels(0), a)
    np.testing.assert_array_equal(targets.pixels(0), b)
    np.save(tmp_path / "x.npy", np.stack([a, b]))
    np.save(tmp_path / "y.npy", np.stack([b, a, a]))
    inputs, targets = open_pairs(str(tmp_path / "x.npy"), str(tmp_path / "y.npy"))
    assert (len(inputs), targets.names) == (2, ("y-000", "y-001"))
    assert targets.skipped == (Skipped("y-002", "has no input of the same name"),)


def test_two_inputs_of_one_name(tmp_path):
    for name in ("in/a.bmp", "in/a.png", "out/a.png"):
        draw(tmp_path / name)
    inputs, _ = open_pairs(str(tmp_path / "in"), str(tmp_path / "out"))
    assert inputs.names == ("a.bmp",)
    assert inputs.skipped == (Skipped("a.png", "has the name of a.bmp but for the extension"),)


@pytest.mark.parametrize(("name", "width", "told"), [("b.png", 7, "a.png has no target"), ("a.png", 8, "a.png is 7")])
def test_no_pair(tmp_path, name, width, told):
    draw(tmp_path / "in" / "a.png")
    draw(tmp_path / "out" / name, 9, width)
    with pytest.raises(DlcliError, match=f"no pair of images .*{told}") as caught:
        open_pairs(str(tmp_path / "in"), str(tmp_path / "out"))
    assert caught.value.hint
