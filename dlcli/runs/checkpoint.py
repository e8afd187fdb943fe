"""The last full state of a run, for --resume: one safetensors file with the numbers as JSON in its metadata."""

import json
import zlib
from pathlib import Path

import numpy as np

from dlcli.engine.arrays import AnyArray
from dlcli.errors import DlcliError
from dlcli.files import JsonObject

STATE = "checkpoint/state.safetensors"
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


def load(run: Path) -> tuple[dict[str, AnyArray], JsonObject]:
    """Tensors and numbers of a run's checkpoint. Raises DlcliError when there is none, or it is broken."""
    from safetensors import SafetensorError, safe_open

    path = run / STATE
    if not path.is_file():
        raise DlcliError(f"--resume {run}: it has no checkpoint", "give a run directory of 'dlcli train-deconv'")
    try:
        with safe_open(path, framework="numpy") as file:
            names = file.keys()
            tensors = {name: file.get_tensor(name) for name in names}
            metadata = file.metadata() or {}
        numbers = json.loads(metadata[KEY])
        whole = metadata[CHECKSUM] == _checksum(tensors, metadata[KEY])
    except (SafetensorError, OSError, ValueError, TypeError, KeyError) as error:
        text = " ".join(str(error).split())
        raise DlcliError(f"--resume {run}: its checkpoint is not readable: {text}", "start a new training") from None
    if not whole or not isinstance(numbers, dict):
        raise DlcliError(f"--resume {run}: its checkpoint is damaged", "start a new training")
    return tensors, numbers
