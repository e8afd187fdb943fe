"""An objective over rows, on the device that was asked for."""

from dlcli.engine.arrays import FloatArray
from dlcli.linear.objectives.glm import RowObjective
from dlcli.linear.objectives.loss import Kind
from dlcli.linear.objectives.penalty import WeightedPenalty


def make_objective(
    Z: FloatArray, y: FloatArray, kind: Kind, outputs: int, penalty: WeightedPenalty, *, device: str = "cpu"
) -> RowObjective:
    """The objective over rows Z (n, p) and y (n,); on every device the results are the same to rounding."""
    if device == "cpu":
        return RowObjective(Z, y, kind, outputs, penalty)
    from dlcli.linear.objectives.glm_torch import TorchObjective

    return TorchObjective(Z, y, kind, outputs, penalty, device=device)
