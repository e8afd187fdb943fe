"""X-transpose-X of a block of rows, on the device that is fastest at it."""

from dlcli.engine.arrays import FloatArray
from dlcli.linear.objectives.moments import Gram, numpy_gram


def gram_on(device: str) -> Gram:
    """The function that computes Z'Z on ``device``, in float64."""
    if device == "cpu":
        return numpy_gram
    import torch

    def gram(Z: FloatArray) -> FloatArray:
        moved = torch.from_numpy(Z).to(device)
        product: FloatArray = (moved.T @ moved).cpu().numpy()
        return product

    return gram
