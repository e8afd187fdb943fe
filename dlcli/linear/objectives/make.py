"""An objective over rows, on the device that was asked for."""

import numpy as np

from dlcli.linear.objectives.glm import RowObjective
from dlcli.linear.objectives.loss import Kind
from dlcli.linear.objectives.penalty import WeightedPenalty
from dlcli.linear.objectives.responses import Responses
from dlcli.linear.objectives.stored_rows import AnyRows, RowsElsewhere


def make_objective(
    Z: AnyRows, y: Responses | AnyRows, kind: Kind, outputs: int, penalty: WeightedPenalty, *, device: str = "cpu"
) -> RowObjective:
    """The objective over rows Z (n, p) and their responses, of which y (n,) may be all; on every device the results
    are the same to rounding.
    """
    responses = Responses.of(y)
    if isinstance(Z, RowsElsewhere):
        made: RowObjective = Z.objective(kind, outputs, penalty, device, responses.factors)
        return made
    if device == "cpu" or not isinstance(Z, np.ndarray) or not responses.in_memory:
        return RowObjective(Z, responses, kind, outputs, penalty)
    from dlcli.linear.objectives.glm_torch import TorchObjective

    return TorchObjective(Z, responses[:], kind, outputs, penalty, device=device)
