"""A trained network as it is saved: its shape, its weights, and the task that it was trained for."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
import torch
from torch import Tensor

from dlcli.engine.arrays import AnyArray
from dlcli.errors import DlcliError
from dlcli.files import JsonObject
from dlcli.images.normalization import EIGHT_BITS, Scales
from dlcli.networks.model.deconv import DeconvNet
from dlcli.networks.model.spec import DeconvSpec, Head
from dlcli.runs.model_file import read_model, write_model

FORMAT, DEEP_FORMAT = 1, 2  # the second of networks whose images are not of 8 bits, which older versions would misread
KIND = "dlcli-deconv"
WEIGHT, ARRAY = "weight.", "array."
# Fields of a description that older networks lack, and what they are then.
ADDED = {
    "turned": False, "center": 0.0, "edges": False, "linear": 0, "pool": False, "mirrored": False, "noise_map": 0.0,
}  # fmt: skip
# A description that asks for more than this is no network of ours; building it would only fill the memory.
MAX_FILTERS, MAX_LAYERS, MAX_SIDE, MAX_LINEAR = 4096, 64, 4096, 31


@dataclass(frozen=True)
class SavedNetwork:
    """What a run of train-deconv leaves.

    ``task`` has the settings that degrade and restore need (names as in the config), ``classes`` the names of the
    classes, ``arrays`` the blur kernels and mask where the task has some, ``scales`` how images are normalized.
    """

    spec: DeconvSpec
    state: dict[str, Tensor]
    task: JsonObject
    classes: tuple[str, ...]
    arrays: dict[str, AnyArray]
    scales: Scales = EIGHT_BITS

    def to_bytes(self) -> bytes:
        """The model file."""
        description = {
            "format": FORMAT, "kind": KIND, "spec": _fields(self.spec), "task": self.task,
            "classes": list(self.classes),
        }  # fmt: skip
        if not self.scales.eight_bit:
            description |= {"format": DEEP_FORMAT, "scales": self.scales.to_json()}
        tensors = {WEIGHT + name: tensor.contiguous().numpy() for name, tensor in self.state.items()}
        return write_model(description, tensors | {ARRAY + name: array for name, array in self.arrays.items()})

    def network(self) -> DeconvNet:
        """The network with its weights, ready to restore or classify."""
        network = DeconvNet(self.spec)
        network.load_state_dict(self.state)
        return network.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]

    @classmethod
    def load(cls, path: Path) -> "SavedNetwork":
        """Read a network; its description and every tensor's name, shape, type and values are checked before use.

        Raises DlcliError for a file that is missing, broken or not such a model.
        """
        description, tensors = read_model(path, "train-deconv")
        deep = description.get("scales")
        if description.get("kind") != KIND or description.get("format") != (FORMAT if deep is None else DEEP_FORMAT):
            raise DlcliError(
                f"{path} is not a network of format {FORMAT} (kind {description.get('kind')!r}, "
                f"format {description.get('format')!r})",
                "give a run directory of 'dlcli train-deconv' of this version",
            )
        damaged = DlcliError(f"{path} is damaged: its tensors don't fit its description", "train it again")
        task, classes = description.get("task"), description.get("classes")
        spec = _spec(description.get("spec"))
        if spec is None or not isinstance(task, dict) or not isinstance(classes, list):
            raise damaged
        state = {n.removeprefix(WEIGHT): t for n, t in tensors.items() if n.startswith(WEIGHT)}
        arrays = {n.removeprefix(ARRAY): t for n, t in tensors.items() if n.startswith(ARRAY)}
        with torch.device("meta"):
            expected = {name: tuple(t.shape) for name, t in DeconvNet(spec).state_dict().items()}
        fits = (
            {name: array.shape for name, array in state.items()} == expected
            and all(a.dtype == np.float32 for a in state.values())
            and all(np.isfinite(a).all() for a in (*state.values(), *arrays.values()))
            and len(state) + len(arrays) == len(tensors)
            and len(classes) == spec.head.classes
        )
        if not fits:
            raise damaged
        weights = {name: torch.from_numpy(array) for name, array in state.items()}
        return cls(spec, weights, task, tuple(map(str, classes)), arrays, Scales.of_json(deep))


def _fields(spec: DeconvSpec) -> JsonObject:
    """A spec as one flat object."""
    return {name: value for name, value in vars(spec).items() if name != "head"} | vars(spec.head)


def _spec(fields: object) -> DeconvSpec | None:
    """The spec of a description, or None if it is none that dlcli could have written."""
    kinds = get_type_hints(DeconvSpec) | get_type_hints(Head)
    del kinds["head"]
    if not isinstance(fields, dict):
        return None
    found: JsonObject = ADDED | fields
    if set(found) != set(kinds):
        return None
    values: JsonObject = {name: tuple(v) if isinstance(v, list) else v for name, v in found.items()}
    if not all(_is_of(values[name], kind) for name, kind in kinds.items()):
        return None
    head = Head(**{field.name: values.pop(field.name) for field in dataclasses.fields(Head)})
    spec = DeconvSpec(**values, head=head)
    numbers = (*spec.filters, *spec.strides, spec.kernel, spec.unshuffle, spec.input_channels, spec.output_channels)
    sane = (
        0 < len(spec.filters) == len(spec.strides) <= MAX_LAYERS
        and all(0 < n <= MAX_FILTERS for n in numbers)
        and 0 <= spec.depth <= MAX_LAYERS
        and (spec.kernel % 2 == 1 or (1 not in spec.strides and not spec.depth))
        and 0 <= spec.head.classes <= MAX_FILTERS * 16
        and 0 <= spec.head.side <= MAX_SIDE
        and spec.multiple <= MAX_SIDE
        and 0 <= spec.center <= 1
        and _linear_fits(spec)
        and 0 <= spec.head.noise_map <= 1
    )
    return spec if sane else None


def _linear_fits(spec: DeconvSpec) -> bool:
    makes_images = spec.head.output == "residual" and spec.head.decoder and not spec.head.classes
    ends_in_cells = spec.linear % 2 == 1 and 0 < spec.linear <= MAX_LINEAR and spec.strides[0] == 1
    return not spec.linear or (makes_images and ends_in_cells)


def _is_of(value: Any, kind: Any) -> bool:
    if kind in (int, float, bool, str):
        return type(value) is kind or (kind is float and type(value) is int)
    if kind == tuple[int, ...]:
        return isinstance(value, tuple) and all(type(item) is int for item in value)
    return value in get_args(kind)  # one of the words of a Literal
