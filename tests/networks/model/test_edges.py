"""Flat images are flat up to the last pixel, and other images what they were."""

import dataclasses

import pytest
import torch
from torch.nn import functional as F

from dlcli.networks.inference.checkerboard import uneven
from dlcli.networks.model.deconv import DeconvNet
from dlcli.networks.model.edges import AROUND, FLAT, Sides, flatness
from dlcli.networks.model.flat_images import flattened, has_cells
from dlcli.networks.model.phases import even_phases_
from dlcli.networks.model.receptive_field import receptive_radius
from dlcli.networks.model.saved import SavedNetwork
from tests.networks.model.test_flat_images import SHUFFLED, STRIDED, cells, network_of

EVERY = STRIDED | SHUFFLED


def with_edges(name, *, edges=True):
    spec = EVERY[name]
    made = DeconvNet(dataclasses.replace(spec, edges=edges))
    state = network_of(spec).state_dict()
    even_phases_(made.even_layers(), state)
    if has_cells(spec):
        state = flattened(spec, state, torch.rand(2, spec.input_channels, 24, 24), kept=False)
    made.load_state_dict(state)
    return made.eval()


@pytest.mark.parametrize("name", EVERY)
def test_flat_images_are_flat_up_to_their_borders(name):
    """What the middle of a large flat image is, in all cells of a small one; with zeros around there is a pattern."""
    made = {}
    for edges in (True, False):
        network = with_edges(name, edges=edges).double()
        spec = network.spec
        side = 6 * spec.multiple
        flat = (torch.arange(5) / 4).double().view(-1, 1, 1, 1).repeat(1, spec.input_channels, side, side)
        if spec.head.masked:
            flat[:, -1] = torch.rand(side, side) < 0.5
        base = flat[:, :1].expand(-1, spec.output_channels, -1, -1)
        with torch.inference_mode():
            made[edges] = network(flat, base)
    patterns = [uneven(made[edges], spec.multiple) for edges in (True, False)]
    assert patterns[0] < 0.02 * patterns[1]
    if spec.head.masked:
        assert torch.equal(made[True], base)
        return
    expected = cells(with_edges(name, edges=False), torch.arange(5) / 4).mean((2, 3))
    torch.testing.assert_close(made[True].mean((2, 3)), expected, atol=1e-3, rtol=1e-3)


def test_images_that_vary_by_a_level_stay_what_they_were(tmp_path):
    generator = torch.Generator().manual_seed(0)
    x = (100 + torch.randint(0, 2, (2, 1, 40, 50), generator=generator)) / 255
    plain, edged = (with_edges("gray", edges=edges) for edges in (False, True))
    with torch.no_grad():
        assert torch.equal(plain(x), edged(x))
        flat = torch.full((1, 1, 40, 40), 0.3)
        assert not torch.equal(plain(flat), edged(flat))
        assert torch.equal(plain.train()(flat), edged.train()(flat))  # training has zeros
    for network in (plain, edged):
        path = tmp_path / "model.safetensors"
        path.write_bytes(SavedNetwork(network.spec, network.state_dict(), {"task": "denoise"}, (), {}).to_bytes())
        assert SavedNetwork.load(path).spec.edges == network.spec.edges


def test_flatness_is_of_what_lies_around_a_pixel():
    image = torch.full((1, 2, 60, 70), 0.5)
    image[:, 1, 30, 40] += 1
    found = flatness(image)[0, 0]
    inside = slice(30 - AROUND, 31 + AROUND), slice(40 - AROUND, 41 + AROUND)
    assert float(found[inside].max()) == 0
    found[inside] = 1
    assert float(found.min()) == 1
    assert flatness(image[:, :1, :5, :3]).shape == (1, 1, 5, 3)
    half = torch.full((1, 1, 20, 20), 0.5)
    half[..., ::2] += 0.25 / 255
    assert flatness(half).mean().item() == pytest.approx(1 - 0.25 / 0.9, abs=1e-3)
    assert flatness(torch.rand(2, 1, 30, 30)) is None


def half_flat(spec, side):
    """Flat but for a square of noise in the middle, which reaches the right border."""
    x = torch.full((1, spec.input_channels, side, side), 0.4)
    x[..., side // 3 : side // 2, side // 2 :] += 0.1 * torch.rand(side // 2 - side // 3, side - side // 2)
    return x


@pytest.mark.parametrize("name", ["gray", "gelu, two levels", "three and two"])
def test_only_borders_are_computed_anew(name, monkeypatch):
    """What is flat in the middle of an image is what it is without borders, as it has none there."""
    network = with_edges(name)
    spec = network.spec
    side = 6 * -(-receptive_radius(spec) // spec.multiple) * spec.multiple
    x = half_flat(spec, side)
    seen = []
    without = network._borderless

    def counted(given):
        seen.append(given.shape[-1] * given.shape[-2])
        return without(given)

    monkeypatch.setattr(network, "_borderless", counted)
    base = x[:, :1].expand(-1, spec.output_channels, -1, -1)
    with torch.inference_mode():
        made = network(x, base)
        strips, seen[:] = list(seen), []
        monkeypatch.setattr(
            "dlcli.networks.model.edges._strips", lambda h, w, *_: [((..., slice(0, h), slice(0, w)),) * 2]
        )
        whole = network(x, base)
    torch.testing.assert_close(made, whole, atol=1e-5, rtol=1e-5)
    assert len(strips) == 4
    assert max(strips) < 0.4 * seen[0]


def test_what_is_cut_out_of_an_image_has_no_border_there():
    network = with_edges("gray")
    spec = network.spec
    zone = -(-receptive_radius(spec) // spec.multiple) * spec.multiple
    x = half_flat(spec, 8 * zone)
    with torch.inference_mode():
        whole = network(x)[..., : 4 * zone, : 4 * zone]
        part = network(x[..., : 5 * zone, : 5 * zone], None, Sides(bottom=False, right=False))
    torch.testing.assert_close(part[..., : 4 * zone, : 4 * zone], whole, atol=1e-5, rtol=1e-5)


def test_flatness_is_that_of_windows():
    x = 0.5 + 0.8 / 255 * torch.rand((2, 3, 33, 41), generator=torch.Generator().manual_seed(0)) ** 4
    side = 2 * AROUND + 1
    high, low = (F.max_pool2d(values, side, 1, AROUND) for values in (x, -x))
    torch.testing.assert_close(flatness(x), (1 - (high + low).amax(1, keepdim=True) / FLAT).clamp(min=0))
