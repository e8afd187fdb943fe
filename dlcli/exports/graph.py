"""A graph of ONNX, node by node.

Written out, as the networks have few kinds of layers: PyTorch's exporter would need a package more, unrolls what
depends on the size of an image, and takes sizes of 1 for constants.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dlcli import __version__
from dlcli.engine.arrays import AnyArray
from dlcli.exports.packages import imported

# Of 2022 and 2021: what onnxruntime 1.12, OpenVINO, DirectML, CoreML and darktable's runtime all read.
OPSET, ML_OPSET, IR_VERSION = 17, 3, 8
ML_DOMAIN = "ai.onnx.ml"

OWN = "dlcli/"  # begins the names of values that are neither inputs nor outputs, which may be any
Dimension = int | str  # a name is of a size that is free


@dataclass(frozen=True)
class Port:
    """An input or output: its name, type and shape, and what its values are."""

    name: str
    shape: tuple[Dimension, ...]
    about: str
    dtype: str = "float32"  # as NumPy names it, or "string"


class Graph:
    """Nodes in the order in which they are computed, and the constants that they take."""

    def __init__(self, format: str = "onnx") -> None:
        self._onnx = imported("onnx", format)
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}
        self._domains: set[str] = set()

    def add(self, operator: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """A node of one output, whose name is returned."""
        name = f"{OWN}{operator.lower()}_{len(self._nodes)}"
        make = self._onnx.helper.make_node
        self._nodes.append(make(operator, list(inputs), [name], name, domain=domain or None, **attributes))
        self._domains.add(domain)
        return name

    def constant(self, values: AnyArray | Sequence[int | str], name: str = "") -> str:
        """A constant; whole numbers are of 64 bits. One of the same name is taken for the same."""
        name = OWN + (name or f"constant_{len(self._constants)}")
        if name not in self._constants:
            array = values if isinstance(values, np.ndarray) else self._array(values)
            self._constants[name] = self._onnx.numpy_helper.from_array(np.ascontiguousarray(array), name)
        return name

    @staticmethod
    def _array(values: Sequence[int | str]) -> AnyArray:
        text = any(isinstance(value, str) for value in values)
        return np.array(values, dtype=object if text else np.int64)

    def side(self, x: str, axis: int) -> str:
        """The length (1,) of one axis of ``x``."""
        return self.add("Shape", x, start=axis, end=axis + 1)

    def model(self, inputs: Sequence[Port], outputs: Sequence[tuple[str, Port]], about: Mapping[str, str]) -> bytes:
        """The file: the values named in ``outputs`` become those ports; ``about`` goes into its metadata.

        Checked as far as that goes without running it.
        """
        helper = self._onnx.helper
        for value, port in outputs:
            self._nodes.append(helper.make_node("Identity", [value], [port.name], f"output_{port.name}"))
        graph = helper.make_graph(
            self._nodes, "dlcli", [self._info(port) for port in inputs], [self._info(port) for _, port in outputs],
            initializer=list(self._constants.values()),
        )  # fmt: skip
        opsets = [helper.make_opsetid("", OPSET)]
        if ML_DOMAIN in self._domains:
            opsets.append(helper.make_opsetid(ML_DOMAIN, ML_OPSET))
        model = helper.make_model(
            graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="dlcli", producer_version=__version__
        )
        helper.set_model_props(model, dict(about))
        self._onnx.checker.check_model(model, full_check=True)
        content: bytes = model.SerializeToString()
        return content

    def _info(self, port: Port) -> Any:
        types = self._onnx.TensorProto
        kind = {"float32": types.FLOAT, "float64": types.DOUBLE, "string": types.STRING}[port.dtype]
        return self._onnx.helper.make_tensor_value_info(port.name, kind, list(port.shape), port.about)
