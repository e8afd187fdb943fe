"""Where the arithmetic runs. NumPy on the CPU; torch only when a GPU is used, as importing it takes seconds."""

import ctypes
import os
import sys
from dataclasses import dataclass

from dlcli.errors import DlcliError
from dlcli.text import counted

# Values in a table from which ``auto`` takes a GPU. Below, importing torch takes longer than the whole fit.
WORTH_A_GPU = 50_000_000


@dataclass(frozen=True)
class Driver:
    """NVIDIA's driver: the CUDA that it is for, as 12.4, and how many devices it shows to this process."""

    cuda: str
    devices: int


def cuda_driver() -> Driver | None:
    """The driver, where there is one; a quick look that needs no torch."""
    name = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        library = ctypes.CDLL(name)
        version, count = ctypes.c_int(0), ctypes.c_int(0)
        library.cuDriverGetVersion(ctypes.byref(version))
        # Fails where there is no device, too.
        if library.cuInit(0) == 0:
            library.cuDeviceGetCount(ctypes.byref(count))
    except (OSError, AttributeError):
        return None
    return Driver(f"{version.value // 1000}.{version.value % 1000 // 10}", count.value)


def cuda_driver_present() -> bool:
    """Whether a CUDA driver can be loaded that has a device."""
    driver = cuda_driver()
    return driver is not None and driver.devices > 0


def pick_device(asked: str, values: int = 0) -> str:
    """The device to use, "cpu" or "cuda[:N]", for a table of so many ``values``.

    Raises DlcliError when CUDA is asked for and torch finds none.
    """
    if asked == "auto":
        return "cuda" if values >= WORTH_A_GPU and cuda_driver_present() and _torch_has(asked) else "cpu"
    if asked.startswith("cuda") and not _torch_has(asked):
        raise _no_cuda(asked)
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


def _no_cuda(asked: str) -> DlcliError:
    """Why there is no such CUDA device: what was found, and what would help."""
    import torch

    driver, count = cuda_driver(), torch.cuda.device_count()
    build, remedy = f"torch {torch.__version__}", "use --device cpu, or auto"
    if count and torch.cuda.is_available():
        names = "is cuda:0 alone" if count == 1 else f"are cuda:0 to cuda:{count - 1}"
        return DlcliError(f"--device {asked}: there is no such device; those of this machine {names}", "give another")
    if driver is None:
        return DlcliError(f"--device {asked}: there is no NVIDIA driver here", remedy)
    if not driver.devices:
        hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
        why = "" if hidden is None else f" (CUDA_VISIBLE_DEVICES is {hidden!r})"
        return DlcliError(f"--device {asked}: NVIDIA's driver shows no device{why}", remedy)
    found = f"--device {asked}: NVIDIA's driver, for CUDA {driver.cuda}, has {counted(driver.devices, 'device')}"
    if torch.version.cuda is None:
        build = f"{found}, but {build} is a build without CUDA"
        return DlcliError(build, "install PyTorch's CUDA build (pytorch.org), or use --device cpu")
    build = f"{found}, but {build}, for CUDA {torch.version.cuda}, can't use it"
    return DlcliError(build, "update the driver, or install a PyTorch for its CUDA")


def describe_device(device: str) -> str:
    """The device as the report names it."""
    if device in ("cpu", "mps"):
        return device
    import torch

    return f"{device} ({torch.cuda.get_device_name(device)})"
