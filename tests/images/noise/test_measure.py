"""What is measured of an image's noise, against the noise that was put in."""

import numpy as np
import pytest

from dlcli.images.dead_leaves import dead_leaves
from dlcli.images.noise.measure import measured_noise


@pytest.fixture(scope="module")
def leaves():
    """Three scenes (3, 256, 256) with values from 0 to 1."""
    made = dead_leaves(3, 256, 5, 1)
    return np.stack([np.asarray(made.pixels(i)).reshape(256, 256) for i in range(3)]) / 255.0


def random(seed=0):
    return np.random.default_rng(seed)


def blurred(noise):
    """Noise that neighbors share, of the deviation that it had."""
    along = noise[:-2] + 2 * noise[1:-1] + noise[2:]
    both = along[:, :-2] + 2 * along[:, 1:-1] + along[:, 2:]
    return both / both.std()


@pytest.mark.parametrize("sigma", [5.0, 25.0, 50.0])
@pytest.mark.parametrize("clipped", [False, True])
def test_white_noise_on_a_scene(leaves, sigma, clipped):
    found = []
    for scene in leaves:
        image = 255 * scene + random(1).normal(0, sigma, scene.shape)
        image = np.clip(np.rint(image), 0, 255).astype(np.uint8) if clipped else image.astype(np.float32)
        measure = measured_noise(image[:, :, None])
        assert measure.kind == "gaussian"
        assert measure.white
        assert measure.reliable
        assert measure.channels[0].gain == 0
        assert np.abs(measure.channels[0].autocorrelation[2]) < 0.25
        found.append(measure.sigma)
    assert np.mean(found) == pytest.approx(sigma, rel=0.03)


def test_each_channel_has_its_own(leaves):
    image = 255 * leaves.transpose(1, 2, 0) + random().normal(0, (4.0, 12.0, 30.0), (256, 256, 3))
    measure = measured_noise(image)
    assert [c.sigma for c in measure.channels] == pytest.approx([4.0, 12.0, 30.0], rel=0.06)
    assert measure.sigma == pytest.approx(np.sqrt((16 + 144 + 900) / 3), rel=0.05)


def test_the_units_are_those_of_the_data(leaves):
    image = (255 * leaves[0] + random().normal(0, 10.0, leaves[0].shape))[:, :, None]
    one = measured_noise(image.astype(np.float32))
    scaled = measured_noise(1e-3 * image + 7.0)
    assert scaled.sigma == pytest.approx(1e-3 * one.sigma, rel=0.02)


def test_counted_photons_have_a_line(leaves):
    """A camera's counts: offset 100, gain 2, 1 to 50 photons, read noise 4."""
    gains, reads = [], []
    for seed, scene in enumerate(leaves):
        photons = random(seed).poisson(1 + 49 * scene)
        counts = np.rint(100 + 2 * photons + random(seed + 9).normal(0, 4, scene.shape)).astype(np.uint16)
        measure = measured_noise(counts[:, :, None], offset=100)
        channel = measure.channels[0]
        assert measure.kind == "poisson-gaussian"
        assert channel.offset == 100
        gains.append(channel.gain)
        reads.append(channel.gain * 100 + channel.intercept)
        assert channel.sigma == pytest.approx(np.sqrt(np.mean(4 * (1 + 49 * scene)) + 16), rel=0.05)
        assert channel.variance([150.0])[0] == pytest.approx(2 * 50 + 16, rel=0.15)
    assert np.mean(gains) == pytest.approx(2, rel=0.1)
    assert np.mean(reads) == pytest.approx(16, abs=15)


def test_noise_that_neighbors_share_is_correlated(leaves):
    image = 255 * leaves[0] * 0.3 + 10 * blurred(random().normal(size=(258, 258)))
    measure = measured_noise(image[:, :, None])
    assert measure.kind == "correlated"
    assert not measure.white
    assert 1 <= measure.extent <= 4
    assert measure.channels[0].autocorrelation[:2] == pytest.approx((2 / 3, 1 / 6), abs=0.1)
    assert measure.sigma == pytest.approx(10, rel=0.15)


@pytest.mark.parametrize(("kernel", "white"), [((0, 1, 0), True), ((1, 6, 1), False), ((1, 2, 1), False)])
def test_texture_is_not_taken_for_correlation(leaves, kernel, white):
    """Noise of which neighbors share a third, on the texture of scenes, is told from noise that is independent."""
    told = []
    for seed, scene in enumerate(leaves):
        noise = random(seed).normal(size=(258, 258))
        along = sum(k * noise[i : 256 + i] for i, k in enumerate(kernel))
        both = sum(k * along[:, i : 256 + i] for i, k in enumerate(kernel))
        told.append(measured_noise((255 * scene + 8 * both / both.std())[:, :, None]).white)
    assert told == [white] * 3


def test_a_flat_background_does_not_bend_the_line():
    """Most of a micrograph is dark: its brighter samples vary more by chance alone, which tells nothing of the gain."""
    side, mean = 384, np.ones((384, 384))
    for step in range(5):
        mean[60 * step + 20 : 60 * step + 70, 40:300] = 8 * (step + 1)
    counts = 100 + 2 * random().poisson(mean) + random(1).normal(0, 2, (side, side))
    channel = measured_noise(np.rint(counts).astype(np.uint16)[:, :, None], offset=100).channels[0]
    assert sum(one.mean < 104 for one in channel.levels) == 1
    assert channel.gain == pytest.approx(2, rel=0.06)
    assert channel.read == pytest.approx(2, rel=0.1)


def test_stripes_of_rows_and_columns(leaves):
    image = 255 * leaves[0] + random().normal(0, 10, (256, 256))
    plain = measured_noise(image[:, :, None]).channels[0]
    assert plain.rows < 1
    assert plain.columns < 1
    striped = measured_noise((image + random(1).normal(0, 5, (256, 1)))[:, :, None]).channels[0]
    assert striped.rows == pytest.approx(5, rel=0.3)
    assert striped.columns < 1


@pytest.mark.parametrize(
    ("image", "told"),
    [
        (np.full((1, 1, 1), 7, np.uint8), "1 x 1 pixels is too small"),
        (np.zeros((23, 300, 3)), "300 x 23 pixels is too small"),
        (np.full((64, 64, 3), 7, np.uint8), "all pixels are the same"),
        (np.full((64, 64, 1), np.nan), "all pixels are the same"),
        (np.where(random().random((64, 64, 1)) < 0.5, 0, 255).astype(np.uint8), "saturated"),
    ],
)
def test_what_cannot_be_measured_is_said(image, told):
    measure = measured_noise(image)
    assert measure.channels == ()
    assert measure.sigma is None
    assert not measure.reliable
    assert told in measure.why


def test_less_noise_than_a_step_hides_in_the_rounding():
    y, x = np.mgrid[:128, :128]
    image = np.rint(100 + 0.3 * x + 0.2 * y + random().normal(0, 0.2, (128, 128))).astype(np.uint8)
    measure = measured_noise(image[:, :, None])
    assert measure.kind == "none"
    assert not measure.reliable
    assert "rounding" in measure.why


def test_a_large_image_takes_no_longer_than_a_sample_of_it():
    """Patches at even distances of a whole image, however large: the same noise everywhere."""
    image = random().normal(128, 9, (3000, 2000, 1)).astype(np.float32)
    assert measured_noise(image).sigma == pytest.approx(9, rel=0.02)
