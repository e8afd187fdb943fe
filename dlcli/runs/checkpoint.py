"""The last full state of a run, for --resume: one safetensors file with the numbers as JSON in its metadata."""

import json
import zlib
from pathlib import Path

import numpy as np

from dlcli.engine.arrays import AnyArray
from dlcli.engine.ranks import ALONE, Ranks
from dlcli.errors import DlcliError
from dlcli.files import JsonObject
from dlcli.runs.names import STATE as STATE

KEY, CHECKSUM = "dlcli", "crc32"


def to_bytes(tensors: dict[str, AnyArray], numbers: JsonObject) -> bytes:
    """A checkpoint's bytes; ``numbers`` may hold nan, which a first report has."""
    from safetensors.numpy import save

    contiguous = {k: np.ascontiguousarray(t) for k, t in tensors.items()}
    text = json.dumps(numbers)
    return save(contiguous, {KEY: text, CHECKSUM: _checksum(contiguous, text)})


def _checksum(tensors: dict[str, AnyArray], text: str) -> str:
    checksum = zlib.crc32(text.encode())
    for name in sorted(tensors):
        checksum = zlib.crc32(tensors[name].tobytes(), zlib.crc32(name.encode(), checksum))
    return f"{checksum:08x}"


def load(run: Path, ranks: Ranks = ALONE) -> tuple[dict[str, AnyArray], JsonObject]:
    """Tensors and numbers of a run's checkpoint. Raises DlcliError when there is none, or it is broken.

    Of several ``ranks`` only the first need have it.
    """
    return _from_bytes(ranks.share(_read(run) if ranks.leads else b""), run)


def _read(run: Path) -> bytes:
    path = run / STATE
    if not path.is_file():
        raise DlcliError(f"--resume {run}: it has no checkpoint", "give a run directory of 'dlcli train-deconv'")
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(run, error) from None


def _from_bytes(data: bytes, run: Path) -> tuple[dict[str, AnyArray], JsonObject]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        tensors = load(data)  # which checks the header
        size = int.from_bytes(data[:8], "little")
        metadata = json.loads(data[8 : 8 + size]).get("__metadata__", {})
        numbers = json.loads(metadata[KEY])
        whole = metadata[CHECKSUM] == _checksum(tensors, metadata[KEY])
    except (SafetensorError, ValueError, TypeError, KeyError) as error:
        raise _unreadable(run, error) from None
    if not whole or not isinstance(numbers, dict):
        raise DlcliError(f"--resume {run}: its checkpoint is damaged", "start a new training")
    return tensors, numbers


def _unreadable(run: Path, error: Exception) -> DlcliError:
    text = " ".join(str(error).split())
    return DlcliError(f"--resume {run}: its checkpoint is not readable: {text}", "start a new training")
