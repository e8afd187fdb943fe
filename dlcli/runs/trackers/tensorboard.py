"""Event files for TensorBoard, in the run directory: ``tensorboard --logdir runs`` shows all runs beside each other."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlcli.files import JsonObject
from dlcli.runs.names import EVENTS
from dlcli.runs.trackers.base import Ended, metrics_of, scalars

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

NOTHING = {"model/none": 0.0}  # TensorBoard's table of settings takes at least one metric


class TensorBoard:
    """One run's event files. A run that is resumed hides what its steps came to the first time (``purge_step``)."""

    def __init__(self, run: Path, resumed: bool, warn: "Callable[[str], None]") -> None:
        import torch.utils.tensorboard  # noqa: F401  (seconds that are not to be those of the first step)

        self.folder, self._resumed, self._warn = run / EVENTS, resumed, warn
        self._writer: SummaryWriter | None = None
        self._failing = False

    def _open(self, step: int) -> "SummaryWriter":
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(self.folder), purge_step=step if self._resumed else None)
        return self._writer

    def step(self, record: JsonObject) -> None:
        """Add one report's numbers."""
        step = int(record["step"])
        try:
            writer = self._open(step)
            for name, value in scalars(record).items():
                writer.add_scalar(name, value, step)
            writer.flush()  # so that who watches sees it, and a kill loses nothing
        except OSError as error:
            self._failed(error)

    def _failed(self, error: OSError) -> None:
        if not self._failing:
            self._warn(
                f"--log-to tensorboard: cannot write {self.folder}: {error.strerror}; metrics.jsonl has all of it"
            )
        self._failing = True

    def end(self, run: Path) -> None:
        """Add settings with the saved model's metrics (tab HParams) and the pictures, and close the files."""
        ended = Ended.of(run)
        try:
            self._end(ended, int(ended.report.get("steps", 0) or 0))
            for trial in ended.trials:
                _write_trial(self.folder / f"trial-{int(trial['number']):03d}", trial)
        except OSError as error:
            self._failed(error)

    def _end(self, ended: Ended, step: int) -> None:
        writer = self._open(step)
        writer.add_hparams(dict(ended.settings), ended.metrics or NOTHING, run_name=".", global_step=step)
        writer.add_text("status", ended.status, step)
        for path in ended.pictures:
            if path.suffix == ".png":
                writer.add_image(path.stem, _pixels(path), step, dataformats="HWC")
        writer.close()


def _write_trial(folder: Path, trial: dict[str, Any]) -> None:
    from torch.utils.tensorboard import SummaryWriter

    params = {name: _plain(value) for name, value in trial.get("params", {}).items()}
    with SummaryWriter(str(folder)) as writer:
        writer.add_hparams(params, metrics_of(trial.get("metrics", {})) or NOTHING, run_name=".")


def _plain(value: object) -> str | float | bool:
    return value if isinstance(value, (str, bool, int, float)) else str(value)


def _pixels(path: Path) -> object:
    import numpy as np
    from PIL import Image

    with Image.open(path, formats=["PNG"]) as image:
        return np.asarray(image.convert("RGB"))
