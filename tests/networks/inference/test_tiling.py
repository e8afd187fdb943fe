"""Tiled restoration against the whole image, and the receptive radius against the gradient."""

import dataclasses
import functools
from itertools import pairwise

import pytest
import torch

from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.degradations.base import Observation
from dlcli.networks.data.facts import ImageFacts
from dlcli.networks.inference.tiling import ENOUGH, SMALLEST, Tiles, auto_tiles, bytes_per_pixel, restore
from dlcli.networks.model.deconv import DeconvNet
from dlcli.networks.model.receptive_field import receptive_radius
from dlcli.networks.model.spec import DeconvSpec
from dlcli.networks.training.presets import make_spec, preset_of


def spec_of(arch, task="denoise", **changes):
    """The shape of a preset, with few filters."""
    data = {"data": ("a", "b")} if task == "pairs" else {}
    config = TrainDeconvConfig(arch=arch, task=task, **data, **changes)
    spec = make_spec(config, preset_of(config.arch, config.task), ImageFacts(1, 1, 0, 1, 64), 64)
    return dataclasses.replace(spec, filters=tuple(3 + i for i in range(len(spec.filters))))


SPECS = {
    "fast": spec_of("fast"),
    "bottleneck": spec_of("fast", "reconstruct"),
    "article": spec_of("article"),
    "rednet": spec_of("rednet"),
    "large": spec_of("large"),
    "odd strides": DeconvSpec(1, 1, (3, 4, 4), (3, 1, 2), kernel=5, depth=1, skip=True),
    "strides after shuffling": DeconvSpec(1, 1, (3, 4), (2, 4), depth=1, unshuffle=2),
    "a point": DeconvSpec(1, 1, (3,), (1,), kernel=1),
    "a point beside a linear estimate": DeconvSpec(1, 1, (3,), (1,), kernel=1, unshuffle=2, linear=5),
}


def network_of(spec):
    torch.manual_seed(0)
    network = DeconvNet(spec).eval()
    for name, weight in network.named_parameters():
        if name == "deconvolutions.0.weight":  # which starts at zero
            torch.nn.init.normal_(weight, std=0.1)
    for fixed in network.buffers():
        torch.nn.init.normal_(fixed, std=0.1)
    return network


def observation(height, width, batch=1):
    image = torch.rand((batch, 1, height, width), generator=torch.Generator().manual_seed(1))
    return Observation(image, image.flip(-1), image)


@pytest.mark.parametrize("name", SPECS)
@torch.inference_mode()
def test_tiles_have_no_seams(name):
    spec = SPECS[name]
    network, radius = network_of(spec), receptive_radius(spec)
    # Neither side a multiple of anything, and three tiles at least on each, the middle one inside. A tile is computed
    # with its radius around it: next to a large one, small tiles would each be the whole image over again.
    tile = max(2 * spec.multiple, 16, radius // 3) + 3
    seen = observation(2 * tile + radius + 7, 3 * tile + 2 * radius // 3 + 5, batch=2 if radius < 50 else 1)
    whole = network(seen.input, seen.base)
    tiled = restore(network, seen, Tiles(tile, radius))
    assert tiled.shape == whole.shape
    scale = float(whole.abs().max())
    assert float((tiled - whole).abs().max()) <= 1e-5 * max(scale, 1)


@pytest.mark.parametrize("name", SPECS)
def test_radius_is_how_far_the_gradient_reaches(name):
    spec = dataclasses.replace(
        SPECS[name], activation="relu", head=dataclasses.replace(SPECS[name].head, output="linear")
    )
    network, radius = DeconvNet(spec).eval(), receptive_radius(spec)
    for weight in (*network.parameters(), *network.buffers()):
        torch.nn.init.constant_(weight, 0.02)  # all positive: nothing cancels, and every unit is active
    multiple = spec.multiple
    place = (radius // multiple + 2) * multiple
    x = torch.ones((1, 1, 2 * place + multiple, 2 * place + multiple), dtype=torch.float64, requires_grad=True)
    network.double()(x)[..., place : place + multiple, place : place + multiple].sum().backward()
    for dim in (2, 3):
        reached = torch.nonzero(x.grad.abs().amax(dim=(0, 1, 5 - dim)))[:, 0]
        before, after = place - int(reached[0]), int(reached[-1]) - (place + multiple - 1)
        assert max(before, after) == radius


def test_a_smaller_halo_would_show():
    spec = SPECS["fast"]
    network, seen = network_of(spec), observation(90, 90)
    with torch.inference_mode():
        whole = network(seen.input, seen.base)
        short = restore(network, seen, Tiles(16, receptive_radius(spec) - spec.multiple))
    assert float((short - whole).abs().max()) > 1e-5


def test_one_tile_is_the_whole_image():
    network, seen = network_of(SPECS["large"]), observation(33, 21)
    with torch.inference_mode():
        assert torch.equal(restore(network, seen, Tiles(40, 0)), network(seen.input, seen.base))


@pytest.mark.parametrize("rows", [slice(0, 64), slice(40, 90), slice(80, 151)])  # the last: an odd end
@pytest.mark.parametrize("lanes", [1, 2])
def test_rows_are_those_of_the_whole(rows, lanes):
    spec = SPECS["fast"]
    network, radius, seen = network_of(spec), receptive_radius(spec), observation(151, 75)
    torch.set_num_threads(2)
    with torch.inference_mode():
        whole = network(seen.input, seen.base)[..., rows, :]
        made = restore(network, seen, Tiles(48, radius, lanes), rows)
    assert made.shape == whole.shape
    assert float((made - whole).abs().max()) <= 1e-5 * max(float(whole.abs().max()), 1)


def side_of(spec, lanes=1, beside=1, **given):
    return auto_tiles(spec, "cpu", lanes, beside, **given).side


@pytest.mark.parametrize(("height", "tile"), [(400, 500), (400, 90), (37, 64)])  # bands; tiles; too low for bands
def test_lanes_give_what_one_thread_gives(height, tile):
    spec = SPECS["fast"]
    network, radius, seen = network_of(spec), receptive_radius(spec), observation(height, 75)
    torch.set_num_threads(2)
    with torch.inference_mode():
        whole = network(seen.input, seen.base)
        made = restore(network, seen, Tiles(tile, radius, lanes=2))
    assert float((made - whole).abs().max()) <= 1e-5 * max(float(whole.abs().max()), 1)


def test_tiles_by_memory(monkeypatch):
    monkeypatch.setattr("dlcli.networks.inference.tiling.available_memory", lambda: 16 << 30)
    config = TrainDeconvConfig()
    spec = make_spec(config, preset_of(config.arch, config.task), ImageFacts(1, 1, 0, 1, 64), 64)
    side = functools.partial(side_of, spec)
    assert 500 < side() < 1000  # what the caches hold, however much memory there is
    assert 1.3 * side() < side(half=True) < 1.5 * side()
    assert side(beside=4) < side(beside=2) < side()
    assert side(lanes=4) < side()
    sizes = []
    for memory in (8 << 30, 1 << 30, 1 << 20, 0):
        monkeypatch.setattr("dlcli.networks.inference.tiling.available_memory", lambda memory=memory: memory)
        sizes.append(side())
    assert all(a >= b for a, b in pairwise(sizes))
    assert sizes[-1] == SMALLEST


def test_a_wide_network_has_tiles_that_are_not_all_overlap(monkeypatch):
    monkeypatch.setattr("dlcli.networks.inference.tiling.available_memory", lambda: 64 << 30)
    config = TrainDeconvConfig(arch="large")
    spec = make_spec(config, preset_of(config.arch, config.task), ImageFacts(1, 1, 0, 1, 64), 64)
    tiles, radius = auto_tiles(spec, "cpu", 4, 1), receptive_radius(spec)
    assert tiles == Tiles(ENOUGH * radius, radius, 1)  # four such tiles have no room, so all threads share one


def test_bytes_per_pixel_of_a_shape_counted_by_hand():
    spec = DeconvSpec(1, 1, (8, 16), (2, 2), unshuffle=1)
    # 8 filters at a quarter of the pixels, 16 at a sixteenth; three of the larger; the images.
    assert bytes_per_pixel(spec) == 4 * (2 + 1 + 3 * 2 + 6)


def test_no_tile_is_little_but_overlap():
    spans = Tiles(461, 38).of(466, 6000, 2)
    heights = {rows.stop - rows.start for rows, _ in spans}
    widths = {columns.stop - columns.start for _, columns in spans}
    assert heights == {466}
    assert len(widths) <= 2
    assert min(widths) > 430
    assert max(widths) <= 464


def test_half_precision_is_of_what_is_added_alone():
    spec = SPECS["fast"]
    network, seen = network_of(spec), observation(200, 90)
    torch.set_num_threads(2)
    quiet = Observation(seen.input, 1000 * seen.base, seen.shown)
    with torch.inference_mode():
        exact, half = (
            restore(network, quiet, Tiles(64, receptive_radius(spec), 2), half=half) for half in (False, True)
        )
    assert half.dtype == torch.float32
    away = (half - exact).abs()
    assert 0 < float(away.max()) < 0.01 * float((exact - quiet.base).abs().max())
