"""What is measured of one image, against NumPy on the whole of it."""

import io

import numpy as np
import pytest
from PIL import Image

from dlcli.images.survey import measures
from dlcli.images.survey.measures import measured, thumbnail


def drawing(height=90, width=130, seed=0):
    """Something with large and small structures."""
    coarse = np.random.default_rng(seed).integers(40, 216, (7, 9), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "uint32", "float32", "float64"])
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_values_are_numpys(dtype, channels, monkeypatch):
    monkeypatch.setattr(measures, "PIECE", 1000)  # so that there are many pieces
    rng = np.random.default_rng(1)
    image = (rng.normal(size=(67, 45, channels)) * 30 + 100 + 20 * np.arange(channels)).clip(0, 250).astype(dtype)
    found = measured(image, None, 50, 0).values
    flat = image.reshape(-1, channels).astype(np.float64)
    np.testing.assert_array_equal(found.low, flat.min(axis=0))
    np.testing.assert_array_equal(found.high, flat.max(axis=0))
    np.testing.assert_allclose(found.mean, flat.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.deviation, flat.std(axis=0), rtol=1e-9)
    assert found.at_low == pytest.approx((image == image.min()).mean())
    assert found.at_high == pytest.approx((image == image.max()).mean())
    assert found.not_finite == 0
    assert set(found.drawn.tolist()) <= set(image.astype(np.float32).ravel().tolist())
    assert len(found.drawn) == 50 * channels


def test_a_large_offset_cancels_nothing():
    image = 1e9 + np.random.default_rng(0).normal(size=(64, 64, 1))
    assert measured(image, None, 1, 0).values.deviation[0] == pytest.approx(image.std(), rel=1e-6)


def test_what_is_not_finite_is_counted_and_left_out():
    image = np.random.default_rng(0).random((40, 40, 1), dtype=np.float32)
    image[0, 0], image[3, 4], image[5, 6] = np.nan, np.inf, -np.inf
    found = measured(image, None, 10, 0)
    good = image[np.isfinite(image)].astype(np.float64)
    assert found.values.not_finite == 3
    assert (found.values.low[0], found.values.high[0]) == (good.min(), good.max())
    assert found.values.mean[0] == pytest.approx(good.mean())
    assert found.noise is None


def test_empty_is_one_value_in_each_channel():
    color = np.broadcast_to(np.array([1, 2, 3], dtype=np.uint8), (9, 8, 3))
    assert measured(color, None, 1, 0).empty
    assert not measured(drawing()[:, :, None], None, 1, 0).empty


def test_digests_tell_pixels_apart():
    image = drawing()[:, :, None]
    same = measured(image.copy(), None, 1, 0).digest
    other = image.copy()
    other[50, 60] ^= 1
    assert measured(image, None, 1, 0).digest == same
    assert measured(other, None, 1, 0).digest != same
    assert measured(image.astype(np.uint16), None, 1, 0).digest != same


def test_thumbnails_are_means_of_cells():
    image = np.random.default_rng(0).random((64, 32, 3))
    cells = image.reshape(16, 4, 16, 2, 3).mean(axis=(1, 3, 4))
    cells -= cells.mean()
    np.testing.assert_allclose(thumbnail(image), (cells / np.linalg.norm(cells)).ravel(), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (15, 200), (17, 16)])
def test_thumbnails_of_any_shape(shape):
    found = thumbnail(np.random.default_rng(0).random((*shape, 1)))
    assert found.shape == (256,)
    assert np.linalg.norm(found) == pytest.approx(0 if shape == (1, 1) else 1)


def test_thumbnails_stay_nearly_the_same():
    image = drawing(200, 260)
    rng = np.random.default_rng(0)
    buffer = io.BytesIO()
    Image.fromarray(image).resize((130, 100)).save(buffer, "JPEG", quality=60)
    changed = [
        np.asarray(Image.open(buffer)), image * 0.5 + 40, image + rng.normal(size=image.shape) * 25,
        image.astype(np.uint16) * 257,
    ]  # fmt: skip
    for other in changed:
        assert thumbnail(image[:, :, None]) @ thumbnail(other[:, :, None]) > 0.99
    assert thumbnail(image[:, :, None]) @ thumbnail(drawing(200, 260, seed=1)[:, :, None]) < 0.9
