"""Running an exported model as other programs do."""

from collections.abc import Mapping
from typing import Any

from dlcli.engine.arrays import AnyArray
from dlcli.errors import DlcliError
from dlcli.exports.packages import imported

ERRORS_ONLY = 3  # of onnxruntime's severities


class Session:
    """A model of ONNX in onnxruntime, on the CPU."""

    def __init__(self, model: bytes, format: str = "onnx") -> None:
        self._runtime: Any = imported("onnxruntime", format)
        options = self._runtime.SessionOptions()
        options.log_severity_level = ERRORS_ONLY
        options.intra_op_num_threads = 1  # what is tried is small, and threads that spin disturb others
        self._session = self._runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def run(self, inputs: Mapping[str, AnyArray]) -> dict[str, AnyArray]:
        """The outputs by their names."""
        names = [output.name for output in self._session.get_outputs()]
        return dict(zip(names, self._session.run(names, dict(inputs)), strict=True))


def refuse_unlike(difference: float, tolerance: float, what: str) -> None:
    """Raise DlcliError where an exported model's outputs are not those of dlcli; NaN is unlike everything."""
    if not difference <= tolerance:
        raise DlcliError(
            f"the exported model gives other {what} than dlcli does: they differ by {difference:.3g}, and at most "
            f"{tolerance:g} is allowed, so nothing was written",
            "use 'dlcli predict'; and please report this, with the run's config.toml",
        )
