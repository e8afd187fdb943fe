"""Losses get the network and the degradation."""

from dataclasses import dataclass

import torch

from dlcli.degradations.base import Identity
from dlcli.degradations.noise import Denoise
from dlcli.networks.data.batch import Batch
from dlcli.networks.losses.base import Objective
from dlcli.networks.losses.supervised import SupervisedLoss, mean_squared_error

BATCH = Batch(torch.full((2, 1, 4, 4), 0.5), torch.zeros(2, 1, 4, 4), torch.ones(2, 1, 4, 4))


def halved(x, base):
    return 0.5 * x + base


def test_a_supervised_loss_compares_the_output_with_the_target():
    objective = Objective(SupervisedLoss(mean_squared_error), Identity())
    assert float(objective(halved, BATCH)) == (1 - 0.25) ** 2


def test_a_loss_may_call_the_network_again_on_what_it_degrades_itself():
    @dataclass(frozen=True)
    class Recorrupted:
        """Two observations of what the network makes should be restored alike."""

        def __call__(self, model, batch, degradation, /):
            restored = model(batch.input, batch.base)
            seen = [degradation.observe(restored, torch.Generator().manual_seed(seed)) for seed in (0, 1)]
            first, second = (model(one.input, one.base) for one in seen)
            return mean_squared_error(first, second)

    assert float(Objective(Recorrupted(), Denoise(25, 25))(halved, BATCH)) > 0
    assert float(Objective(Recorrupted(), Identity())(halved, BATCH)) == 0
