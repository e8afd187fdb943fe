"""Model files: safetensors with a JSON description in the metadata. Nothing is ever unpickled."""

import json
from pathlib import Path

import numpy as np

from dlcli.engine.arrays import AnyArray
from dlcli.errors import DlcliError
from dlcli.files import JsonObject

METADATA_KEY = "dlcli"


def read_model(path: Path, command: str) -> tuple[JsonObject, dict[str, AnyArray]]:
    """Description and tensors of a model file that ``command`` should have made; bfloat16 becomes float32.

    Raises DlcliError for a file that is missing, broken or not a dlcli model.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise DlcliError(f"there is no model at {path}", f"give a run directory that 'dlcli {command}' made")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            description = json.loads(metadata.get(METADATA_KEY, "{}"))
            names = list(file.keys())
            halves = [name for name in names if file.get_slice(name).get_dtype() == "BF16"]
            tensors = {name: file.get_tensor(name) for name in names if name not in halves}
        if halves:  # which NumPy doesn't have
            with safe_open(path, framework="pt") as file:
                tensors |= {name: file.get_tensor(name).float().numpy() for name in halves}
    except (SafetensorError, OSError, ValueError, TypeError, AttributeError, KeyError) as error:
        text = " ".join(str(error).split())
        raise DlcliError(f"{path} is not a readable model file: {text}", "train it again") from None
    if not isinstance(description, dict):
        raise DlcliError(f"{path} is damaged: it has no description", "train it again")
    return description, tensors


def read_header(path: Path) -> tuple[JsonObject, dict[str, tuple[int, ...]]]:
    """Description and shapes of the tensors of a model file that is known to be sound."""
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
        return json.loads((file.metadata() or {})[METADATA_KEY]), shapes


def read_kind(path: Path) -> str | None:
    """The kind of model that a file says it is, from its header alone; None where it says nothing readable."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            description = json.loads((file.metadata() or {}).get(METADATA_KEY, "{}"))
    except (SafetensorError, OSError, ValueError, TypeError, AttributeError):
        return None
    kind = description.get("kind") if isinstance(description, dict) else None
    return kind if isinstance(kind, str) else None


def write_model(description: JsonObject, tensors: dict[str, AnyArray]) -> bytes:
    """The bytes of a model file."""
    from safetensors.numpy import save

    contiguous = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    return save(contiguous, {METADATA_KEY: json.dumps(description, ensure_ascii=True)})
