"""What makes a GPU be waited for, found on the CPU: an operation whose result the host reads."""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

aten = torch.ops.aten
# A number that is read (item, float, bool), places whose count depends on the values, and copies to the processor.
WAITING = {
    aten._local_scalar_dense.default, aten.nonzero.default, aten.masked_select.default, aten.equal.default,
    aten.unique_dim.default, aten._unique2.default,
}  # fmt: skip


class WaitedError(AssertionError):
    """The host waited for the device."""


class _NoWaiting(TorchDispatchMode):
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        masks = func is aten.index.Tensor and any(i is not None and i.dtype == torch.bool for i in args[1])
        if func in WAITING or masks:
            raise WaitedError(f"{func} makes the host wait for the device")
        return func(*args, **(kwargs or {}))


@contextlib.contextmanager
def no_waiting() -> Iterator[None]:
    """Within, an operation after which a GPU would be waited for raises WaitedError.

    ``tensor.cpu()`` and ``tensor.numpy()`` of a CPU tensor dispatch nothing, and are refused by name.
    """
    methods = ("cpu", "numpy", "tolist", "item")
    held = {name: getattr(torch.Tensor, name) for name in methods}

    def refused(name: str) -> Any:
        def method(*_: Any, **__: Any) -> Any:
            raise WaitedError(f"Tensor.{name} makes the host wait for the device")

        return method

    for name in methods:
        setattr(torch.Tensor, name, refused(name))
    try:
        with _NoWaiting():
            yield
    finally:
        for name, method in held.items():
            setattr(torch.Tensor, name, method)
