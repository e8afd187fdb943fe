"""Crops gathered on the device are those that the sampler cuts, to the bit."""

import numpy as np
import pytest
import torch

from dlcli.degradations.blur import Deblur
from dlcli.degradations.kernels import parse_blur
from dlcli.degradations.mask import Inpaint
from dlcli.degradations.noise import Denoise, Poisson
from dlcli.images.crops import CropSampler
from dlcli.images.image_set import ImageSet
from dlcli.networks.data import pool
from dlcli.networks.data.pool import ImagePool
from dlcli.networks.training import batches
from dlcli.networks.training.batches import RestorationBatches
from dlcli.networks.training.classes.batches import ClassBatches
from dlcli.networks.training.settings import BatchSettings, ClassSettings
from tests.networks.waiting import WaitedError, no_waiting

SHAPES = [(20, 31), (40, 17), (9, 30), (12, 11), (50, 50), (16, 16), (7, 5)]


def images(channels, shapes=SHAPES, seed=0, dtype=np.uint8, **more):
    random = np.random.default_rng(seed)
    most = 256 if dtype == np.uint8 else 65536
    arrays = [random.integers(0, most, (*shape, channels)).astype(dtype) for shape in shapes]
    return ImageSet.of_arrays(arrays, **more)


@pytest.mark.parametrize("flips", [True, False])
@pytest.mark.parametrize(("channels", "dtype"), [(1, np.uint8), (3, np.uint8), (2, np.uint16), (5, np.float32)])
def test_crops(channels, dtype, flips):
    """Of images larger than the crop, and of smaller ones, which are continued; turned in each of the eight ways."""
    sampler = CropSampler([images(channels, dtype=dtype), images(1, seed=1)], 12, 2, flips=flips, seed=4)
    on_device = ImagePool(sampler, "cpu")
    turns = set()
    for step in range(12):
        ours, theirs = on_device.batch(step, 8), sampler.batch(step, 8)
        turns |= set((sampler.draws(step, 8)[:, 2] * 8).astype(int))
        for a, b in zip(ours, theirs, strict=True):
            assert a.numpy().dtype == b.dtype
            assert np.array_equal(a.numpy(), b)
            assert a.is_contiguous(memory_format=torch.channels_last)
    assert len(turns) == 8


@pytest.fixture
def on_device(monkeypatch):
    """Have all images put onto the device, as on a GPU with room for them."""
    monkeypatch.setattr(batches, "fits", lambda *_: True)


DEGRADATIONS = {
    "denoise": Denoise(25, 25), "noise of a range": Denoise(5, 50), "poisson": Poisson(30.0),
    "blur": Deblur(parse_blur("gaussian:1") + parse_blur("gaussian:2"), 2.55), "holes": Inpaint(0.5),
    "mask": Inpaint(mask=np.eye(9) > 0, tiled=True),
}  # fmt: skip


@pytest.mark.parametrize("name", DEGRADATIONS)
@pytest.mark.parametrize("channels", [1, 3])
def test_degraded_batches(name, channels, on_device, monkeypatch):
    """The same batch from the pool as from the processor, and nothing on the way to it is waited for."""
    degradation = DEGRADATIONS[name]
    sampler = CropSampler([images(channels)], 10, degradation.margin, flips=True, seed=1)
    ours = RestorationBatches(sampler, degradation, "cpu", 3)
    ours(0, 4)
    with no_waiting():
        made = ours(5, 4)
    monkeypatch.setattr(batches, "fits", lambda *_: False)
    theirs = RestorationBatches(sampler, degradation, "cpu", 3)(5, 4)
    for part in ("input", "base", "target"):
        assert torch.equal(getattr(made, part), getattr(theirs, part)), part


@pytest.mark.parametrize("augment", ["flips", "shifts"])
def test_class_batches(augment, on_device, monkeypatch):
    same = images(1, [(8, 8)] * 9, labels=list(range(9)), classes=[str(i) for i in range(9)])
    sampler = CropSampler([same], 8, 0, flips=augment == "flips", seed=1)
    ours = ClassBatches(sampler, BatchSettings(4, 8, augment, 3), "cpu", ClassSettings())
    ours(0, 4)
    with no_waiting():
        made = ours(2, 4)
    monkeypatch.setattr(batches, "fits", lambda *_: False)
    theirs = ClassBatches(sampler, BatchSettings(4, 8, augment, 3), "cpu", ClassSettings())(2, 4)
    assert torch.equal(made.input, theirs.input)
    assert made.target.tolist() == sampler.indices(2, 4)


def test_where_they_fit(monkeypatch):
    """On a GPU with room, for images that are held decoded."""
    sampler = CropSampler([images(1)], 8, 0, flips=True, seed=1)
    assert not pool.fits(sampler, "cpu")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (10**6, 10**6))
    assert pool.fits(sampler, "cuda")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (10**3, 10**6))
    assert not pool.fits(sampler, "cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_cuda():
    """The same crops as on the CPU."""
    sampler = CropSampler([images(3)], 12, 2, flips=True, seed=4)
    on_gpu = ImagePool(sampler, "cuda")
    for step in range(4):
        assert np.array_equal(on_gpu.batch(step, 8)[0].cpu().numpy(), sampler.batch(step, 8)[0])


@pytest.mark.parametrize(
    "read", [lambda x: float(x.sum()), lambda x: x[x > 0], lambda x: x.cpu(), lambda x: x.tolist(), torch.Tensor.any],
)  # fmt: skip
def test_waiting_is_found(read):
    """The check itself: what is read by the host, or needs to know how many values there are."""
    with pytest.raises(WaitedError), no_waiting():
        bool(read(torch.ones(3)))
