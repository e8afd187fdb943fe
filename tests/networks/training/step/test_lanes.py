"""A step in lanes: the whole batch's gradient, the same bits each time, and threads as they were."""

import pytest
import torch

from dlcli.networks.data.batch import Batch
from dlcli.networks.losses.cross_entropy import cross_entropy
from dlcli.networks.model.deconv import DeconvNet
from dlcli.networks.model.spec import DeconvSpec, Head
from dlcli.networks.optim.flat_parameters import FlatParameters
from dlcli.networks.training.step.gradient import LossGradient
from dlcli.networks.training.step.lanes import MOST, ONE_THREAD, PER_LANE, parts_of
from dlcli.networks.training.step.settings import NetworkSettings


@pytest.fixture(autouse=True)
def three(small):
    """Three threads, after what these tests have in common asked for one."""
    torch.set_num_threads(3)


def weights_of(**spec):
    torch.manual_seed(0)
    network = DeconvNet(DeconvSpec(1, 1, (4, 6), (1, 2), **spec))
    torch.nn.init.normal_(network.deconvolutions[0].weight, std=0.1)
    return FlatParameters(network.to(memory_format=torch.channels_last))


def restoring(images):
    generator = torch.Generator().manual_seed(images)
    x, base, target = (torch.rand((images, 1, 8, 8), generator=generator) for _ in range(3))
    return Batch(x, base, target)


def squares(model, batch):
    return (model(batch.input, batch.base) - batch.target).square().mean()


def gradient_of(weights, batch, loss=squares, *, lanes, products=3 * PER_LANE, **settings):
    places = -(-int(products) // weights.flat.numel())
    gradient = LossGradient(weights, loss, NetworkSettings(len(batch.input), 1, places=places, **settings))
    if lanes:
        with gradient.lanes.opened():
            return gradient.backward(batch, 0), weights.gradient.clone()
    return gradient.backward(batch, 0), weights.gradient.clone()


@pytest.mark.parametrize("images", [2, 3, 7])  # fewer than the threads, as many, and parts of unequal size
def test_the_sum_of_the_parts_is_the_gradient_of_the_batch(images):
    weights, batch = weights_of(), restoring(images)
    loss, expected = gradient_of(weights, batch, lanes=False)
    weights.gradient.fill_(7)  # is replaced, not added to
    in_lanes, found = gradient_of(weights, batch, lanes=True)
    assert in_lanes == pytest.approx(loss, rel=1e-6)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-7)
    again = gradient_of(weights, batch, lanes=True)
    assert again[0] == in_lanes
    assert torch.equal(again[1], found)


def test_classes_have_no_base():
    weights = weights_of(head=Head(classes=3, side=8))
    batch = Batch(restoring(5).input, None, torch.tensor([0, 2, 1, 1, 0]))

    def loss(model, batch):
        return cross_entropy(model(batch.input, batch.base), batch.target)

    _, expected = gradient_of(weights, batch, loss, lanes=False)
    _, found = gradient_of(weights, batch, loss, lanes=True)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-7)


def test_parts_are_of_nearly_equal_size_and_in_order():
    batch = restoring(8)
    parts = parts_of(batch, 3)
    assert [len(part.input) for part in parts] == [2, 3, 3]
    assert torch.equal(torch.cat([part.target for part in parts]), batch.target)


def test_each_part_is_computed_by_a_thread_of_its_own():
    seen = []

    def loss(model, batch):
        seen.append((len(batch.input), torch.get_num_threads()))
        return squares(model, batch)

    gradient_of(weights_of(), restoring(6), loss, lanes=True)
    assert seen == [(2, 1)] * 3
    seen.clear()
    gradient_of(weights_of(), restoring(1), loss, lanes=True)
    assert seen == [(1, 1)]  # one image can't be parted
    seen.clear()
    torch.set_num_threads(9)
    gradient_of(weights_of(), restoring(8), loss, lanes=True, products=1e12)
    assert seen == [(2, 2)] * MOST
    torch.set_num_threads(3)
    assert torch.get_num_threads() == 3


@pytest.mark.parametrize(("products", "threads"), [(ONE_THREAD - 1e6, 1), (ONE_THREAD, 3), (2 * PER_LANE - 1e6, 3)])
def test_a_small_step_is_not_parted(products, threads):
    seen = []

    def loss(model, batch):
        seen.append((len(batch.input), torch.get_num_threads()))
        return squares(model, batch)

    gradient_of(weights_of(), restoring(6), loss, lanes=True, products=products)
    assert seen == [(6, threads)]


def test_random_numbers_are_drawn_by_one_thread():
    """Dropout takes them from a generator that the threads share."""
    sizes = []

    def loss(model, batch):
        sizes.append(len(batch.input))
        return squares(model, batch)

    gradient_of(weights_of(dropout=0.5), restoring(6), loss, lanes=True, dropout_seed=0)
    assert sizes == [6]


def test_an_error_in_a_lane_is_raised_when_all_have_ended():
    ended = []

    def loss(model, batch):
        if len(batch.input) == 1:
            raise RuntimeError("not enough memory")
        found = squares(model, batch)
        ended.append(len(batch.input))
        return found

    with pytest.raises(RuntimeError, match="not enough memory"):
        gradient_of(weights_of(), restoring(5), loss, lanes=True)
    assert ended == [2, 2]
    assert torch.get_num_threads() == 3
