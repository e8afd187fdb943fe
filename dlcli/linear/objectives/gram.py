"""X-transpose-X of a block of rows, on the device that is fastest at it."""

from typing import Any

from dlcli.engine.arrays import FloatArray
from dlcli.linear.objectives.moments import Gram, numpy_gram

PIECE = 1 << 22  # values that are moved at once: 32 MiB, long enough for the full rate of a transfer


def gram_on(device: str) -> Gram:
    """The function that computes Z'Z on ``device``, in float64."""
    return numpy_gram if device == "cpu" else DeviceGram(device)


class DeviceGram:
    """Z'Z on a GPU ("cpu" in tests), for Z (n, d) of any length: rows move there in pieces, from two buffers in turn.

    While one piece is on its way, and is multiplied, the next is copied into the other buffer. The buffers are
    page-locked where the system allows it, which transfers beside the processor's work need.
    """

    def __init__(self, device: str) -> None:
        self.device = device
        self._buffers: list[Any] = []
        self._sent: list[Any] = [None, None]  # events: what was copied from a buffer has left it

    def __call__(self, Z: FloatArray) -> FloatArray:
        """Z'Z, (d, d)."""
        import torch

        n, d = Z.shape
        rows = max(1, PIECE // d)
        self._reserve(d * min(rows, n))
        total = torch.zeros((d, d), dtype=torch.float64, device=self.device)
        for number, start in enumerate(range(0, n, rows)):
            piece = self._moved(torch.from_numpy(Z[start : start + rows].T), number % 2)
            total.addmm_(piece, piece.T)
        product: FloatArray = total.cpu().numpy()
        return product

    def _reserve(self, values: int) -> None:
        import torch

        if self._buffers and len(self._buffers[0]) >= values:
            return
        self._buffers = [torch.empty(values, dtype=torch.float64) for _ in range(2)]
        self._sent = [None, None]
        if self.device.startswith("cuda"):
            try:
                self._buffers = [buffer.pin_memory() for buffer in self._buffers]
            except RuntimeError:  # no more memory may be locked: transfers then wait, and are as right
                return

    def _moved(self, piece: Any, number: int) -> Any:
        """``piece`` (d, m) on the device, by way of the buffer of this number."""
        import torch

        if (sent := self._sent[number]) is not None:
            sent.synchronize()
        place = self._buffers[number][: piece.numel()].view(piece.shape)
        place.copy_(piece)
        if not self.device.startswith("cuda"):
            return place
        there = place.to(self.device, non_blocking=True)
        self._sent[number] = torch.cuda.Event()  # type: ignore[no-untyped-call]
        self._sent[number].record(torch.cuda.current_stream(self.device))
        return there
