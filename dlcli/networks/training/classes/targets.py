"""What the network should say of each image: its class, or shares of several, weighted."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from dlcli.config.values.class_weights import weights_by_name
from dlcli.errors import DlcliError
from dlcli.text import listed, printable


def class_weights(text: str, labels: NDArray[np.int64], classes: Sequence[str]) -> NDArray[np.float64]:
    """The weight of each class (K,) as --class-weight says, with a mean of 1 over the images.

    Balanced ones are n / (K n_k), as scikit-learn's. Raises DlcliError for a name that no class has.
    """
    counts = np.bincount(labels, minlength=len(classes)).astype(np.float64)
    named = weights_by_name(text)
    if named is None:
        present = counts > 0
        weights = np.where(present, counts.sum() / (present.sum() * np.maximum(counts, 1)), 1.0)
    else:
        weights = _named(named, classes)
    result: NDArray[np.float64] = weights * counts.sum() / (weights * counts).sum()
    return result


def _named(named: Mapping[str, float], classes: Sequence[str]) -> NDArray[np.float64]:
    if unknown := [name for name in named if name not in classes]:
        raise DlcliError(
            f"--class-weight names {printable(unknown[0])}, and the classes are {listed(classes)}",
            "name classes as their folders are named",
        )
    return np.array([named.get(name, 1.0) for name in classes])


def soft_targets(labels: Tensor, classes: int, smoothing: float) -> Tensor:
    """One-hot rows (B, K) of which ``smoothing`` is spread over all classes."""
    return F.one_hot(labels, classes).to(torch.float32).mul_(1 - smoothing).add_(smoothing / classes)


def mixed(
    images: Tensor, targets: Tensor, alphas: tuple[float, float], generator: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """The batch mixed with itself, in another order: images (B, C, H, W), targets (B, K).

    ``alphas`` are those of --mixup and --cutmix, 0 for none; with both, half of the batches take each. One share for
    the whole batch, as in the papers' own code.
    """
    by_cutmix = alphas[1] and (not alphas[0] or generator.random() < 0.5)
    alpha = alphas[bool(by_cutmix)]
    share = float(generator.beta(alpha, alpha))
    order = torch.from_numpy(generator.permutation(len(images))).to(images.device)
    if by_cutmix:
        height, width = images.shape[2:]
        cut = (1 - share) ** 0.5
        y, x = generator.random(2) * (height, width)
        top, bottom = (round(min(max(y + side * cut * height / 2, 0), height)) for side in (-1, 1))
        left, right = (round(min(max(x + side * cut * width / 2, 0), width)) for side in (-1, 1))
        images = images.clone()
        images[:, :, top:bottom, left:right] = images[order, :, top:bottom, left:right]
        share = 1 - (bottom - top) * (right - left) / (height * width)
    else:
        images = torch.lerp(images[order], images, share)
    return images, torch.lerp(targets[order], targets, share)
