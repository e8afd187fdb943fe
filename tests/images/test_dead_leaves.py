import numpy as np
import pytest

from dlcli.images.dead_leaves import dead_leaves


@pytest.fixture(scope="module")
def leaves():
    return dead_leaves(48, 128, seed=0)


def slope(images):
    """Slope of the logarithm of the mean power, averaged around circles, over that of the frequency."""
    side = images.shape[1]
    window = np.outer(np.hanning(side), np.hanning(side))
    centered = images - images.mean(axis=(1, 2), keepdims=True)
    power = np.mean(np.abs(np.fft.fft2(centered * window)) ** 2, axis=0).ravel()
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)[None, :]).ravel()
    ring = np.digitize(frequency, np.geomspace(0.02, 0.4, 14))
    rings = range(1, 14)
    mean_power = [power[ring == i].mean() for i in rings]
    return np.polyfit(np.log([frequency[ring == i].mean() for i in rings]), np.log(mean_power), 1)[0]


def test_power_falls_as_that_of_photographs(leaves):
    # Photographs: power ~ 1/f^2, from -1.8 to -2.4 as published (e.g. Ruderman 1994: -1.81 for the woods).
    images = np.stack([leaves.pixels(i)[:, :, 0] for i in range(len(leaves))]).astype(float)
    assert -2.6 < slope(images) < -1.6


def test_gradients_are_sparse(leaves):
    # The kurtosis of a Gaussian is 3; of the differences of neighbors in photographs it is 10 and more.
    steps = np.concatenate([np.diff(leaves.pixels(i)[:, :, 0].astype(float), axis=1).ravel() for i in range(48)])
    assert np.mean(steps**4) / np.mean(steps**2) ** 2 > 10
    assert 0.2 < np.mean(np.abs(steps) < 2) < 0.6


def test_images_differ_in_light_and_contrast(leaves):
    means = [leaves.pixels(i).mean() for i in range(len(leaves))]
    deviations = [leaves.pixels(i).std() for i in range(len(leaves))]
    assert np.ptp(means) > 80
    assert max(deviations) > 3 * min(deviations)


def test_a_seed_is_an_image_whatever_the_count(leaves):
    first = dead_leaves(2, 128, seed=0)
    assert first.names == ("leaf-000", "leaf-001")
    for i in range(2):
        np.testing.assert_array_equal(first.pixels(i), leaves.pixels(i))
    assert not np.array_equal(dead_leaves(1, 128, seed=1).pixels(0), first.pixels(0))


@pytest.mark.parametrize("size", [1, 8, 33, 64])
@pytest.mark.parametrize("channels", [1, 3])
def test_sizes_and_channels(size, channels):
    image_set = dead_leaves(2, size, seed=3, channels=channels)
    assert (len(image_set), image_set.channels, image_set.shape(1)) == (2, channels, (size, size))
    assert image_set.pixels(1).shape == (size, size, channels)
    assert image_set.pixels(1).dtype == np.uint8


def test_photographs_measure_alike(shared, leaves):
    from dlcli.images.image_set import open_image_set

    photographs = open_image_set([str(shared / "images" / "train400" / "test_00*.png")])
    real = np.stack([photographs.pixels(i)[:128, :128, 0] for i in range(len(photographs))]).astype(float)
    drawn = np.stack([leaves.pixels(i)[:, :, 0] for i in range(len(leaves))]).astype(float)
    assert slope(drawn) == pytest.approx(slope(real), abs=0.5)
