"""JPEG as Pillow writes files of it: the same pixels, whole, in rows, and wherever the blocks of a crop begin."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from dlcli.degradations import jpeg
from dlcli.degradations.jpeg import BLOCK, Jpeg, compressed
from dlcli.degradations.rows import CleanRows
from dlcli.errors import DlcliError
from dlcli.images.formats.layout.lossy import quality_of
from dlcli.networks.tensors import image_to_tensor
from tests.networks.examples import smooth


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def noisy(height, width, channels, seed=0):
    image = smooth(height, width, channels).reshape(height, width, channels).astype(float)
    return np.clip(image + np.random.default_rng(seed).normal(0, 20, image.shape), 0, 255).astype(np.uint8)


def by_pillow(pixels, quality, **options):
    file = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(file, "JPEG", quality=quality, **options)
    with Image.open(file) as image:
        return np.array(image).reshape(pixels.shape), image.quantization, getattr(image, "layer", None)


@pytest.mark.parametrize(("height", "width"), [(37, 21), (64, 48), (1, 1)])
@pytest.mark.parametrize("channels", [1, 3])
def test_an_image_is_what_its_file_would_be(channels, height, width):
    pixels = noisy(height, width, channels)
    seen = Jpeg(10, 10).observe(image_to_tensor(pixels, "cpu"), seeded())
    expected, tables, layers = by_pillow(pixels, 10, **({"subsampling": 2} if channels == 3 else {}))
    torch.testing.assert_close(seen.input, image_to_tensor(expected, "cpu"), rtol=0, atol=1e-6)
    assert seen.shown is seen.base is seen.input
    assert quality_of(tables) == pytest.approx(10, abs=0.5)
    assert len(layers) == channels
    assert channels == 1 or layers[0][1:3] == (2, 2)  # chroma at half the height and width


def test_published_test_images_lose_what_they_lose_in_papers(shared):
    """Classic5 at quality 10 has 27.82 dB (Dong et al., AR-CNN, ICCV 2015, and all after it)."""
    found = []
    for path in sorted((shared / "images" / "classic5").iterdir()):
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("L"))[:, :, None]
        error = compressed(pixels, 10).astype(float) - pixels
        found.append(10 * np.log10(255**2 / np.mean(error**2)))
    assert np.mean(found) == pytest.approx(27.82, abs=0.005)


def test_every_quality_of_the_range_is_drawn(monkeypatch):
    drawn = []
    monkeypatch.setattr(jpeg, "compressed", lambda pixels, quality: drawn.append(quality) or pixels)
    Jpeg(10, 14).observe(torch.zeros((500, 1, 8, 8)), seeded())
    counts = np.bincount(drawn)
    assert sorted(set(drawn)) == [10, 11, 12, 13, 14]
    assert counts[10:].min() > 60


def test_blocks_of_crops_begin_anywhere():
    """In the middle of a crop each pixel is what it would be with the blocks moved by what was drawn."""
    pixels = noisy(40, 40, 1)
    clean = image_to_tensor(pixels, "cpu").expand(300, 1, 40, 40)
    moved = Jpeg(20, 20, moved=True)
    assert (moved.margin, Jpeg(20, 20).margin) == (BLOCK, 0)
    inside = (slice(BLOCK, -BLOCK), slice(BLOCK, -BLOCK))
    expected = {}
    for top in range(BLOCK):
        for left in range(BLOCK):
            whole = pixels.copy()
            whole[top:, left:] = by_pillow(pixels[top:, left:], 20)[0]
            expected[whole[inside].tobytes()] = (top, left)
    made = (moved.observe(clean, seeded()).shown[:, 0] * 255).round().byte().numpy()
    found = {expected[image[inside].tobytes()] for image in made}
    assert len(found) > 50  # of 64 places


def test_rows_are_those_of_the_whole_image():
    pixels = noisy(300, 20, 3)
    clean = image_to_tensor(pixels, "cpu")
    whole = Jpeg(5, 95).observe(clean, seeded(3)).shown
    rows = Jpeg(5, 95).observed_rows(CleanRows((3, 300, 20), lambda part: clean[:, :, part]), seeded(3))
    bands = [rows(slice(top, min(top + 77, 300))) for top in range(0, 300, 77)]
    assert torch.equal(torch.cat(bands, dim=2), whole)


def test_a_range_is_measured_in_the_middles_of_its_thirds():
    assert [(one.low, one.high, one.quality, one.moved) for one in Jpeg(10, 90, moved=True).levels()] == [
        (23, 23, 23, False), (50, 50, 50, False), (77, 77, 77, False)
    ]  # fmt: skip
    assert Jpeg(10, 90).quality is None
    assert Jpeg(7, 7).levels() == [Jpeg(7, 7)]
    assert len(Jpeg(10, 11).levels()) == 2  # none twice


@pytest.mark.parametrize(
    ("what", "words"),
    [
        (lambda: Jpeg(0, 10), "quality 0..10"),
        (lambda: Jpeg(10, 101), "quality 10..101"),
        (lambda: Jpeg(90, 10), "quality 90..10"),
        (lambda: Jpeg(10, 10).input_channels(2), "these have 2 channels"),
        (lambda: compressed(np.zeros((1, 65_501, 1), np.uint8), 10), "65,501 pixels, and JPEG holds 65,500"),
    ],
)
def test_what_jpeg_cannot_be_is_refused(what, words):
    with pytest.raises(DlcliError, match=words):
        what()
