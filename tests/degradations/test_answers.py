"""What degradations answer for themselves."""

import numpy as np
import pytest
import torch

from dlcli.degradations.base import Identity
from dlcli.degradations.blur import Deblur
from dlcli.degradations.downsample import Upscale
from dlcli.degradations.jpeg import Jpeg
from dlcli.degradations.kernels import gaussian_kernel
from dlcli.degradations.mask import Inpaint
from dlcli.degradations.noise import Denoise, Poisson

KERNELS = [gaussian_kernel(1.0), gaussian_kernel(2.0)]
MASK = np.eye(8, dtype=bool)
EVERY = {
    "identity": Identity(), "noise": Denoise(25, 25), "blind": Denoise(0, 60), "poisson": Poisson(30),
    "blur": Deblur(KERNELS, 5), "upscale": Upscale(3), "inpaint": Inpaint(0.5), "mask": Inpaint(mask=MASK),
    "jpeg": Jpeg(10, 10),
}  # fmt: skip


@pytest.mark.parametrize("name", EVERY)
def test_scale_kernels_and_mask(name):
    degradation = EVERY[name]
    assert degradation.scale == (3 if name == "upscale" else 1)
    assert len(degradation.kernels) == (2 if name == "blur" else 0)
    assert (degradation.mask is not None) == (name == "mask")
    assert degradation.needs_mask == (name in ("inpaint", "mask"))
    assert degradation.noise == (5 if name == "blur" else 0)


@pytest.mark.parametrize("name", EVERY)
def test_levels_are_of_a_range_of_noise_alone(name):
    levels = EVERY[name].levels()
    if name == "blind":
        assert [(one.low, one.high, one.level) for one in levels] == [(10, 10, 10), (30, 30, 30), (50, 50, 50)]
    else:
        assert levels == [EVERY[name]]


@pytest.mark.parametrize("name", EVERY)
def test_another_sigma_is_for_gaussian_noise(name):
    changed = EVERY[name].at_sigma(7.0)
    if name in ("noise", "blind"):
        assert changed == Denoise(7, 7)
    elif name == "blur":
        assert (changed.sigma, changed.kernels) == (7, KERNELS)
    else:
        assert changed is None


def test_the_kernel_and_the_mask_that_are_known_are_used():
    image = torch.rand((1, 1, 24, 24), generator=torch.Generator().manual_seed(0))
    blur, mask = EVERY["blur"], np.zeros((24, 24), bool)
    mask[4:8, 5:9] = True
    bases = [blur.prepare_known(image, kernel, None).base for kernel in range(2)]
    assert torch.equal(bases[1], blur.prepare(image, 1).base)
    assert not torch.equal(*bases)
    assert torch.equal(Inpaint(0.5).prepare_known(image, 0, mask).input[0, 1] > 0, torch.from_numpy(mask))
    assert torch.equal(Poisson(30).prepare_known(image, 0, None).input, image)
