"""Restoration without training: scikit-image's classical methods, on the very observations that a network gets."""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from dlcli.degradations.blur import REGULARIZATION, ROUNDING_VARIANCE
from dlcli.errors import DlcliError
from dlcli.networks.inference.observations import Case, noise_level
from dlcli.networks.tensors import image_to_tensor, tensor_to_array

FloatArray = NDArray[np.float64]
Method = Callable[[Case], Tensor]
Denoiser = Callable[[FloatArray, float, int | None], FloatArray]

ITERATIONS = 30  # of Richardson-Lucy
# Multiples of the noise, the best of several on five images of Set12 at sigma 15, 25 and 50.
NON_LOCAL, VARIATION = 0.7, 0.9
SHIFTS = 4  # along each side, of the wavelets


def methods_for(task: str, sigma: float) -> dict[str, Method]:
    """The classical methods of a task by name; none for ``reconstruct``. ``sigma``: a deblurred image's noise, 0-255.

    Raises DlcliError when scikit-image is not installed.
    """
    skimage = _module("skimage.restoration")
    if task in ("denoise", "pairs"):
        _module("pywt")  # which scikit-image's wavelets need
        known = task == "denoise"
        return {
            "non-local means": _denoising(partial(_non_local, skimage), skimage, known=known),
            "total variation": _denoising(partial(_variation, skimage), skimage, known=known),
            "wavelets": _denoising(partial(_wavelets, skimage), skimage, known=known),
        }
    if task == "deblur":
        variance = (sigma**2 + ROUNDING_VARIANCE) / 255**2
        return {
            "wiener": _by_channel(lambda x, k: skimage.wiener(x, k, REGULARIZATION * variance, clip=False)),
            "richardson-lucy": _by_channel(partial(_richardson_lucy, skimage)),
            "dlcli's wiener": lambda case: case.observed.base,
        }
    if task == "upscale":
        return {"bicubic": lambda case: case.observed.base}
    if task == "inpaint":
        return {
            "biharmonic": lambda case: _biharmonic(skimage, case),
            "dlcli's smooth fill": lambda case: case.observed.base,
        }
    return {}


def _module(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        raise DlcliError(
            f"--compare needs {name.partition('.')[0]}, which is not installed", "pip install 'dlcli[compare]'"
        ) from None


def _denoising(method: Denoiser, skimage: Any, *, known: bool) -> Method:
    """A method for noise of a known level, or of one that it must estimate."""

    def restored(case: Case) -> Tensor:
        image = tensor_to_array(case.observed.shown)
        # Gray images as planes: with one channel non-local means fails.
        axis = -1 if image.shape[2] == 3 else None
        image = image if axis else image[:, :, 0]
        level = noise_level(case) if known else float(skimage.estimate_sigma(image, True, channel_axis=axis))
        result = method(image, max(level, 1e-6), axis)
        return image_to_tensor(result if axis else result[:, :, None], str(case.clean.device))

    return restored


def _non_local(skimage: Any, image: FloatArray, level: float, axis: int | None) -> FloatArray:
    result: FloatArray = skimage.denoise_nl_means(
        image, patch_size=5, patch_distance=6, h=NON_LOCAL * level, sigma=level, fast_mode=True, channel_axis=axis
    )
    return result


def _variation(skimage: Any, image: FloatArray, level: float, axis: int | None) -> FloatArray:
    result: FloatArray = skimage.denoise_tv_chambolle(image, weight=VARIATION * level, channel_axis=axis)
    return result


def _wavelets(skimage: Any, image: FloatArray, level: float, axis: int | None) -> FloatArray:
    """BayesShrink, averaged over shifts (Coifman and Donoho 1995), which is worth 1.5 to 2 dB."""
    total = np.zeros_like(image)
    for shift in product(range(SHIFTS), range(SHIFTS)):
        moved = np.roll(image, shift, (0, 1))
        made = skimage.denoise_wavelet(moved, sigma=level, method="BayesShrink", mode="soft", rescale_sigma=True,
                                       channel_axis=axis)  # fmt: skip
        total += np.roll(made, (-shift[0], -shift[1]), (0, 1))
    return total / SHIFTS**2


def _by_channel(method: Callable[[FloatArray, FloatArray], FloatArray]) -> Method:
    """A method for planes and a blur kernel, for each channel."""

    def restored(case: Case) -> Tensor:
        assert case.kernel is not None
        image = tensor_to_array(case.observed.shown)
        planes = [method(image[:, :, c], case.kernel) for c in range(image.shape[2])]
        return image_to_tensor(np.stack(planes, axis=2), str(case.clean.device))

    return restored


def _richardson_lucy(skimage: Any, image: FloatArray, kernel: FloatArray) -> FloatArray:
    """Richardson-Lucy of an image whose borders wrap around, which scikit-image's takes to be black outside."""
    pads = [2 * side for side in kernel.shape]
    wrapped = np.pad(np.clip(image, 0, None), [(pad, pad) for pad in pads], mode="wrap")
    result = skimage.richardson_lucy(wrapped, kernel, num_iter=ITERATIONS)
    inside: FloatArray = result[pads[0] : -pads[0], pads[1] : -pads[1]]
    return inside


def _biharmonic(skimage: Any, case: Case) -> Tensor:
    missing = tensor_to_array(case.observed.input)[:, :, -1] > 0.5
    result = skimage.inpaint_biharmonic(tensor_to_array(case.observed.shown), missing, channel_axis=-1)
    return image_to_tensor(result, str(case.clean.device))
