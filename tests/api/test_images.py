"""Image networks in Python make of arrays what the command makes of files."""

import warnings

import numpy as np
import pytest

import dlcli


@pytest.fixture(autouse=True)
def quiet():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=dlcli.DlcliNote)
        yield


@pytest.fixture(scope="module")
def model():
    return dlcli.load("bundled:denoise")


@pytest.mark.parametrize("form", ["gray", "color", "several", "sixteen", "floats"])
def test_an_array_becomes_what_the_command_makes_of_its_file(app, model, form):
    rng = np.random.default_rng(0)
    image = np.clip(np.linspace(40, 200, 32)[:, None] + rng.normal(0, 20, (32, 24)), 0, 255).round().astype(np.uint8)
    images = {
        "gray": image, "color": np.dstack([image] * 3), "several": np.stack([image, image[::-1]]),
        "sixteen": image.astype(np.uint16) * 200, "floats": (image / 255).astype(np.float32),
    }[form]  # fmt: skip
    np.save("x.npy", images)
    assert app("predict", "bundled:denoise", "x.npy", "--out", "y.npy", "--sigma", "20/255")[0] == 0
    made, wanted = model.restore(images, sigma="20/255"), np.load("y.npy")
    assert (made.dtype, made.shape) == (images.dtype, images.shape)
    assert np.array_equal(made, wanted)
    assert not np.array_equal(made, images)


def test_what_is_no_image_is_one_line(model):
    for images, what in ((np.ones(3), r"the array has the shape \(3,\)"), (np.array([["a"]]), "values of type"),
                         (np.full((8, 8), np.nan), "holds no numbers")):  # fmt: skip
        with pytest.raises(dlcli.DlcliError, match=what) as found:
            model.restore(images)
        assert str(found.value).count("the array") == 1
    with pytest.raises(dlcli.DlcliError, match="mask is for inpaint"):
        model.restore(np.ones((8, 8)), mask=np.ones((8, 8)))
    with pytest.raises(dlcli.DlcliError, match="--strength"):
        model.restore(np.ones((8, 8)), strength=-1)


def test_what_is_told_is_a_note(model):
    warnings.simplefilter("always")
    image = np.random.default_rng(1).normal(100, 20, (64, 64)).round().clip(0, 255).astype(np.uint8)
    with pytest.warns(dlcli.DlcliNote, match="noise as measured"):
        model.restore(image)
    assert repr(model) == "<network to denoise images of 1 or 3 channels; bundled:denoise>"
