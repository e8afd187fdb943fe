"""Maps of what a region is made from, against Captum, and the diffusion index against its definition."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcli.degradations.downsample import Upscale
from dlcli.degradations.noise import Denoise
from dlcli.networks.inference.explain.restoration.attribution import (
    attributed,
    blurred,
    blurs,
    diffusion_index,
    edges,
    path_attribution,
    region_gradient,
)
from dlcli.networks.inference.explain.restoration.traced import Box, Traced, differentiably, frozen
from dlcli.networks.model.deconv import DeconvNet
from dlcli.networks.model.spec import DeconvSpec, Head
from tests.networks.examples import smooth, tensor
from tests.thinning.examples import examples

BOX = Box(21, 18, 7, 6)


def traced(degradation, inputs=1, **fields):
    torch.manual_seed(3)
    spec = DeconvSpec(inputs, 1, (6,), (1,), unshuffle=2, depth=1, edges=True, **fields)
    network = DeconvNet(spec)
    torch.nn.init.normal_(network.deconvolutions[0].weight, std=0.1)
    return Traced(frozen(network), degradation.prepare, degradation.scale)


@pytest.fixture(scope="module")
def denoiser():
    return traced(Denoise(25, 25, (), True), 2, head=Head(noise_map=0.3))


@pytest.fixture(scope="module")
def image():
    return tensor(smooth(48, 45)) + 0.1 * torch.randn(1, 1, 48, 45, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("box", [BOX, Box(0, 0, 5, 3), Box(40, 38, 8, 7)])
@pytest.mark.parametrize("scale", [1, 2])
def test_a_part_is_that_of_the_whole(denoiser, image, box, scale):
    function = denoiser if scale == 1 else traced(Upscale(2))
    box = Box(*(scale * side for side in box))
    whole = function.whole(image)
    part = function.part(image, box)
    torch.testing.assert_close(part, whole[..., box.top : box.bottom, box.left : box.right], atol=1e-6, rtol=0)


def test_maps_are_captums(denoiser, image):
    attr = pytest.importorskip("captum.attr")
    with differentiably():
        total = lambda x: denoiser.whole(x)[..., 21:28, 18:24].sum((1, 2, 3))  # noqa: E731
        known = attr.Saliency(total).attribute(image.clone().requires_grad_(True), abs=False)
        torch.testing.assert_close(region_gradient(denoiser, image, BOX), known, atol=1e-5, rtol=0)
        # Each piece of the path is an integrated gradient of one step.
        path = blurs(image, steps=6)
        detail = lambda x: edges(denoiser.whole(x)[..., 21:28, 18:24])  # noqa: E731
        method = attr.IntegratedGradients(detail)
        pieces = method.attribute(path[1:], path[:-1], n_steps=1, method="gausslegendre")
        found, _ = path_attribution(lambda x: edges(denoiser.part(x, BOX)), path, 4)
        torch.testing.assert_close(found, pieces.sum(0, keepdim=True), atol=1e-5, rtol=0)


def test_the_paths_map_adds_up_to_the_change(denoiser, image):
    with differentiably():
        maps = attributed(denoiser, image, BOX)
        blurry = attributed(denoiser, image, BOX, path=False)
    detail = [float(edges(denoiser.part(one, BOX))) for one in (image, blurred(image, 1.2))]
    assert maps.change == pytest.approx(detail[0] - detail[1], rel=1e-4)
    assert maps.path.sum() == pytest.approx(maps.change, rel=0.01)
    assert maps.error < 0.01
    np.testing.assert_array_equal(blurry.gradient, maps.gradient)
    assert not blurry.path.any()


def test_nothing_beyond_the_receptive_field_takes_part(denoiser, image):
    seen = denoiser.seen(image, BOX)
    with differentiably():
        maps = attributed(denoiser, image, BOX)
    for values in (maps.gradient, maps.path):
        outside = values.copy()
        outside[:, seen.top : seen.bottom, seen.left : seen.right] = 0
        assert not outside.any()


def test_an_upscaler_is_explained_in_small_pixels(image):
    function = traced(Upscale(3))
    with differentiably():
        maps = attributed(function, image, Box(63, 54, 9, 9))
    assert maps.path.shape == maps.gradient.shape == (1, 48, 45)
    place = np.unravel_index(np.abs(maps.gradient[0]).argmax(), (48, 45))
    assert np.abs(np.subtract(place, (22, 19))).max() <= 2


@given(st.integers(1, 40), st.integers(1, 40))
@settings(max_examples=examples(40), deadline=None)
def test_alike_pixels_are_involved(alike, others):
    values = np.zeros((1, 1, alike + others))
    values[..., :alike] = -0.3
    assert diffusion_index(values) == pytest.approx(100 * alike / (alike + others))


def test_the_index_is_the_mean_difference_of_all_pairs():
    values = np.random.default_rng(0).normal(size=(3, 7, 9))
    size = np.abs(values.sum(0)).ravel()
    gini = np.abs(size[:, None] - size[None, :]).mean() / (2 * size.mean())
    assert diffusion_index(values) == pytest.approx(100 * (1 - gini))
    assert diffusion_index(np.zeros((1, 4, 4))) == 0


def test_flat_images_have_a_finite_gradient(denoiser):
    with differentiably():
        maps = attributed(denoiser, torch.full((1, 1, 40, 40), 0.5), BOX)
    assert np.isfinite(maps.path).all()
    assert np.isfinite(maps.gradient).all()
