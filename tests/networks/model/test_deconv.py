import dataclasses

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.networks.data.facts import ImageFacts
from dlcli.networks.model.deconv import FEW_CHANNELS, DeconvNet, Deconvolution
from dlcli.networks.model.spec import DeconvSpec, Head
from dlcli.networks.training.plan import make_plan
from tests.thinning.examples import examples


@settings(max_examples=examples(40))
@given(
    inputs=st.integers(1, 4) | st.integers(FEW_CHANNELS, FEW_CHANNELS + 2), outputs=st.integers(1, 4),
    stride=st.integers(1, 3), kernel=st.integers(1, 5), size=st.integers(2, 6), seed=st.integers(0, 1000),
)  # fmt: skip
def test_a_deconvolution_is_the_adjoint_of_the_convolution(inputs, outputs, stride, kernel, size, seed):
    """<conv(x), y> = <x, deconv(y)> for equal weights."""
    width = kernel if stride == 1 else 2 * stride
    if stride == 1 and kernel % 2 == 0:
        width = kernel + 1
    padding = (width - stride + 1) // 2
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn((outputs, inputs, width, width), generator=generator, dtype=torch.float64)
    x = torch.randn((1, inputs, size * stride, size * stride), generator=generator, dtype=torch.float64)
    deconvolution = Deconvolution(outputs, inputs, width, stride, padding, bias=False).double()
    with torch.no_grad():
        deconvolution.weight.copy_(weight)
        forward = F.conv2d(x, weight, stride=stride, padding=padding)
        y = torch.randn(forward.shape, generator=generator, dtype=torch.float64)
        back = deconvolution(y)
        plain = F.conv_transpose2d(y, weight, stride=stride, padding=padding)
    assert back.shape == x.shape or stride == 3
    torch.testing.assert_close(back, plain, rtol=1e-12, atol=1e-12)
    if back.shape == x.shape:
        assert float((forward * y).sum()) == pytest.approx(float((x * back).sum()), rel=1e-10, abs=1e-10)


def test_a_convolution_is_the_article_s_sum():
    """y(i, j) = sum over m, n of w(m, n) x(i + m - 1, j + n - 1): cross-correlation, hand-computed."""
    x = torch.arange(9.0).view(1, 1, 3, 3)
    w = torch.tensor([[0.0, 1, 0], [0, 0, 2], [3, 0, 0]]).view(1, 1, 3, 3)
    y = F.conv2d(x, w, padding=1)
    # Center: 1 * x(0, 1) + 2 * x(1, 2) + 3 * x(2, 0) = 1 + 10 + 18.
    assert float(y[0, 0, 1, 1]) == 29
    # Corner: only 2 * x(0, 1) lies inside.
    assert float(y[0, 0, 0, 0]) == 2


CONFIGS = {
    "fast": {}, "article": {"arch": "article"}, "rednet": {"arch": "rednet"}, "large": {"arch": "large"},
    "reconstruct": {"task": "reconstruct"}, "filters": {"filters": "8,16", "stride": "2", "depth": 1, "skip": True},
    "gelu": {"activation": "gelu", "kernel": 5, "filters": "4"}, "dropout": {"dropout": 0.2, "filters": "4,4"},
}  # fmt: skip


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(32, 32), (37, 23)])
def test_every_preset_keeps_the_shape_of_an_image(name, channels, size):
    plan = make_plan(TrainDeconvConfig(**CONFIGS[name]), ImageFacts(channels, channels, 0, 10, 32), "cpu")
    network = DeconvNet(plan.spec)
    output = network(torch.rand(2, channels, *size))
    assert output.shape == (2, channels, *size)
    assert bool(torch.isfinite(output).all())


@pytest.mark.parametrize("arch", ["fast", "article", "rednet", "large", "deep"])
@pytest.mark.parametrize("side", [28, 64])
def test_every_preset_gives_one_score_a_class(arch, side):
    plan = make_plan(TrainDeconvConfig(task="classify", arch=arch), ImageFacts(1, 1, 7, 10, side), "cpu")
    assert DeconvNet(plan.spec)(torch.rand(3, 1, side, side)).shape == (3, 7)


def test_a_block_of_a_convolution_and_a_deconvolution():
    """As PyTorch's own layers compute it; the features' means are classified, and what is padded is the center."""
    spec = DeconvSpec(
        3, 3, (16,), (1,), depth=1, turned=True, center=0.5, head=Head(decoder=False, classes=4, side=8, pool=True)
    )  # fmt: skip
    network, x = DeconvNet(spec), torch.rand(2, 3, 8, 8)
    (block,) = network.encoder_blocks[0]
    assert type(block.second) is Deconvolution
    h = torch.relu(torch.nn.functional.conv2d(x - 0.5, network.convolutions[0].weight, None, padding=1))
    inner = torch.relu(torch.nn.functional.conv2d(h, block.first.weight, None, padding=1))
    h = h + torch.nn.functional.conv_transpose2d(inner, block.second.weight, None, padding=1)
    expected = network.classifier(h.mean((2, 3)))
    torch.testing.assert_close(network(x), expected)
    with torch.no_grad():
        torch.testing.assert_close(network(x), expected)


def test_a_classifier_of_mirrored_images_is_asked_about_both():
    spec = DeconvSpec(3, 3, (8,), (1,), head=Head(decoder=False, classes=4, side=8, mirrored=True))
    network, x = DeconvNet(spec), torch.rand(2, 3, 8, 8)
    scores = network(x)
    expected = (scores.softmax(1) + network(x.flip(3)).softmax(1)) / 2
    torch.testing.assert_close(network.eval()(x).softmax(1), expected)
    torch.testing.assert_close(network(x.flip(3)), network(x))


def test_the_article_s_network():
    """3x3: conv 32, conv 64, deconv 32, deconv 3 with a sigmoid; Adam, binary cross-entropy, 10 epochs, batch 32."""
    plan = make_plan(TrainDeconvConfig(arch="article"), ImageFacts(3, 3, 0, 320, 32), "cpu")
    network = DeconvNet(plan.spec)
    shapes = [tuple(m.weight.shape) for m in (*network.convolutions, *reversed(network.deconvolutions))]
    assert shapes == [(32, 3, 3, 3), (64, 32, 3, 3), (64, 32, 3, 3), (32, 3, 3, 3)]
    assert (plan.spec.head.output, plan.optimizer.name, plan.loss, plan.batches.size) == ("sigmoid", "adam", "bce", 32)
    assert plan.limits.steps == 10 * 320 // 32
    output = network(torch.rand(1, 3, 32, 32)).detach()
    assert float(output.min()) > 0
    assert float(output.max()) < 1


def test_a_residual_network_starts_as_the_identity():
    spec = DeconvSpec(1, 1, (8, 8), (1, 2), depth=1, unshuffle=2, skip=True)
    x = torch.rand(1, 1, 16, 16)
    torch.testing.assert_close(DeconvNet(spec)(x), x)
    base = torch.rand(1, 1, 16, 16)
    torch.testing.assert_close(DeconvNet(spec)(x, base), base)


def test_skips_change_the_output_and_not_the_weights():
    spec = DeconvSpec(1, 1, (4, 4, 4), (1, 1, 1), head=Head(output="linear"))
    plain, skipping = DeconvNet(spec), DeconvNet(dataclasses.replace(spec, skip=True))
    skipping.load_state_dict(plain.state_dict())
    x = torch.rand(1, 1, 8, 8)
    assert not torch.allclose(plain(x), skipping(x))


def test_what_is_known_stays_as_it_is():
    spec = DeconvSpec(2, 1, (8,), (1,), depth=1, unshuffle=2, head=Head(masked=True))
    network = DeconvNet(spec)
    torch.nn.init.normal_(network.deconvolutions[0].weight)
    base, mask = torch.rand(2, 1, 16, 16), (torch.rand(2, 1, 16, 16) < 0.5).float()
    output = network(torch.cat([base, mask], dim=1), base).detach()
    assert torch.equal(output[mask == 0], base[mask == 0])
    assert not torch.allclose(output[mask == 1], base[mask == 1])


def test_dropout_follows_each_activation_outside_of_the_blocks(monkeypatch):
    """Of two convolutions and the first deconvolution; whole channels, and none when the network is only used."""
    taken, real = [], F.dropout2d

    def recorded(x, p, training):
        taken.append((x.shape[1], p, training))
        assert bool((x >= 0).all())
        return real(x, p, training)

    monkeypatch.setattr(F, "dropout2d", recorded)
    torch.manual_seed(0)
    network = DeconvNet(DeconvSpec(1, 1, (14, 16), (1, 1), depth=1, dropout=0.5, skip=True, head=Head(output="linear")))
    x = torch.rand(1, 1, 8, 8)
    network(x)
    assert taken == [(14, 0.5, True), (16, 0.5, True), (14, 0.5, True)]
    assert not torch.equal(network(x), network(x))
    network.eval()
    assert torch.equal(network(x), network(x))
