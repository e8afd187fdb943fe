"""Where the arithmetic runs. NumPy on the CPU; torch only when a GPU is used, as importing it takes seconds."""

import ctypes
import sys

from dlcli.errors import DlcliError

# Values in a table from which ``auto`` takes a GPU. Below, importing torch takes longer than the whole fit.
WORTH_A_GPU = 50_000_000


def cuda_driver_present() -> bool:
    """Whether a CUDA driver can be loaded; a quick look that needs no torch."""
    name = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        driver = ctypes.CDLL(name)
        count = ctypes.c_int(0)
        return driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0
    except (OSError, AttributeError):
        return False


def pick_device(asked: str, values: int = 0) -> str:
    """The device to use, "cpu" or "cuda[:N]", for a table of so many ``values``.

    Raises DlcliError when CUDA is asked for and torch finds none.
    """
    if asked == "auto":
        return "cuda" if values >= WORTH_A_GPU and cuda_driver_present() and _torch_has(asked) else "cpu"
    if asked.startswith("cuda") and not _torch_has(asked):
        raise DlcliError(f"--device {asked}: torch finds no such CUDA device here", "use --device cpu, or auto")
    return asked


def pick_network_device(asked: str) -> str:
    """The device for a network: a GPU where there is one, unless the CPU is ``asked`` for.

    Raises DlcliError for a device that torch doesn't find.
    """
    import torch

    if asked == "auto":
        return "cuda" if cuda_driver_present() and torch.cuda.is_available() else "cpu"
    if asked == "mps" and not torch.backends.mps.is_available():
        raise DlcliError("--device mps: torch finds no Apple GPU here", "use --device cpu, or auto")
    return pick_device(asked)


def _torch_has(device: str) -> bool:
    import torch

    number = int(device.partition(":")[2] or 0)
    return torch.cuda.is_available() and number < torch.cuda.device_count()


def describe_device(device: str) -> str:
    """The device as the report names it."""
    if device in ("cpu", "mps"):
        return device
    import torch

    return f"{device} ({torch.cuda.get_device_name(device)})"
