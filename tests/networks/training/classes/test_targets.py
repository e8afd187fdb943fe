"""Weights of classes, soft targets and mixed images: against scikit-learn, PyTorch's own losses and closed forms."""

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional as F

from dlcli.errors import DlcliError
from dlcli.networks.losses.cross_entropy import cross_entropy
from dlcli.networks.training.classes.targets import class_weights, mixed, soft_targets

LABELS = np.repeat([0, 1, 2], [20, 5, 1])
NAMES = ("ant", "bee", "cat")


def test_balanced_weights_are_scikit_learns():
    expected = compute_class_weight("balanced", classes=np.arange(3), y=LABELS)
    np.testing.assert_allclose(class_weights("balanced", LABELS, NAMES), expected)


def test_given_weights_keep_their_ratios_and_a_mean_of_one():
    weights = class_weights("cat=8,bee=2", LABELS, NAMES)
    np.testing.assert_allclose(weights / weights[0], [1, 2, 8])
    assert weights[LABELS].mean() == pytest.approx(1)


def test_an_unknown_class_is_refused():
    with pytest.raises(DlcliError, match="names dog, and the classes are ant, bee, cat"):
        class_weights("dog=2", LABELS, NAMES)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_smoothed_and_weighted_targets_give_pytorchs_loss(smoothing):
    labels, scores = torch.tensor([0, 2, 1, 0]), torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    found = cross_entropy(scores, soft_targets(labels, 3, smoothing))
    torch.testing.assert_close(found, F.cross_entropy(scores, labels, label_smoothing=smoothing))
    weights = torch.tensor([0.5, 1.0, 3.0])
    weighted = cross_entropy(scores, soft_targets(labels, 3, 0.0) * weights[labels, None])
    torch.testing.assert_close(weighted, F.cross_entropy(scores, labels, weights, reduction="sum") / 4)


def two_colors(count=12, side=16):
    """Images of one level each, and their classes: black is 0, white 1."""
    labels = torch.arange(count) % 2
    return labels.float().view(-1, 1, 1, 1).expand(-1, 1, side, side).clone(), soft_targets(labels, 2, 0.0)


@pytest.mark.parametrize("alphas", [(0.4, 0.0), (0.0, 1.0), (0.4, 1.0)])
def test_a_target_has_the_share_of_what_the_image_shows(alphas):
    shares = []
    for seed in range(20):
        images, targets = mixed(*two_colors(), alphas, np.random.default_rng(seed))
        torch.testing.assert_close(targets.sum(1), torch.ones(12))
        torch.testing.assert_close(images.mean((1, 2, 3)), targets[:, 1])
        gray = (images > 1e-6) & (images < 1 - 1e-6)
        assert not gray.any() or alphas[0]  # cutmix pastes, and mixes no colors
        shares += targets[:, 1].tolist()
    assert len(set(shares)) > 5
