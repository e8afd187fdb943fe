"""``dlcli export`` as a function: config in, report out."""

import os
import time
from pathlib import Path

from dlcli.config.images.options import BUNDLED
from dlcli.config.saved.export import ExportConfig
from dlcli.engine.progress import Progress, Silent
from dlcli.errors import DlcliError
from dlcli.exports.graph import Port
from dlcli.exports.settings import ExportSettings
from dlcli.files import write_atomic
from dlcli.reports.saved.export import ExportReport, Tensor
from dlcli.runs.bundled import bundled_folder, folders, is_bundled
from dlcli.runs.open import report_of, run_folder
from dlcli.tasks.saved import is_network
from dlcli.text import listed

ENDINGS = {"onnx": ".onnx", "dtmodel": ".dtmodel", "bioimage": ".zip", "torch": ".pt2", "numpy": ".py"}
OF_NETWORKS, OF_TABLES = ("onnx", "dtmodel", "bioimage", "torch"), ("onnx", "numpy")
DESCRIBED = ("dtmodel", "bioimage")
DESCRIBES = {"name": DESCRIBED, "author": DESCRIBED, "license": DESCRIBED, "cite": ("bioimage",)}


def export(config: ExportConfig, progress: Progress | None = None) -> ExportReport:
    """Write a saved model as other programs take it; it is run beside dlcli first, and written if it gives the same.

    Returns the report. Raises DlcliError for a run that is damaged or diverged, a format that its kind of model doesn't
    have, and an ``out`` that can't be.
    """
    start = time.monotonic()
    progress = progress or Silent()
    config, given = config.model_copy(update={"run": _one_run(config)}), config
    run_folder(config.run)
    _refuse_diverged(config.run)
    network = is_network(config.run)
    _check_format(config, network=network)
    out = _checked_out(config)
    settings = ExportSettings.of(config)
    if network:
        from dlcli.networks.export.export import export_network

        made = export_network(settings)
    else:
        from dlcli.linear.export.export import export_linear

        made = export_linear(settings)
    write_atomic(out, made.content)
    for note in made.notes:
        progress.note(note)
    return ExportReport(
        command="export",
        run=str(given.run),
        out=str(out),
        format=config.format,
        task=made.task,
        bytes=len(made.content),
        inputs=[_tensor(port) for port in made.inputs],
        outputs=[_tensor(port) for port in made.outputs],
        difference=made.difference,
        compared=made.compared,
        notes=made.notes,
        seconds=time.monotonic() - start,
        status="finished",
    )


def _one_run(config: ExportConfig) -> Path:
    """The run, as a folder where it is in the box. Raises DlcliError for a name that stands for several."""
    if not is_bundled(config.run):
        return config.run
    if config.format == "dtmodel":  # darktable's images are in color
        return bundled_folder(config.run, 3)
    if len(found := folders(config.run)) > 1:
        names = [BUNDLED + folder.name for folder in found]
        raise DlcliError(f"{config.run} stands for {' and '.join(names)}, and a file holds one network", "give one")
    return found[0]


def _tensor(port: Port) -> Tensor:
    return Tensor(name=port.name, dtype=port.dtype, shape=list(port.shape), about=port.about)


def _check_format(config: ExportConfig, *, network: bool) -> None:
    formats = OF_NETWORKS if network else OF_TABLES
    if config.format not in formats:
        kind = "an image network" if network else "a linear model"
        raise DlcliError(
            f"--format {config.format}: this run holds {kind}, expected {listed(formats)}", "give one of these"
        )
    for name, described in DESCRIBES.items():
        if getattr(config, name) and config.format not in described:
            raise DlcliError(f"--{name} is for --format {' and '.join(described)}", "leave it out")


def _checked_out(config: ExportConfig) -> Path:
    """The file to write. Raises DlcliError where it can't be."""
    ending = ENDINGS[config.format]
    out = config.out or Path(run_folder(config.run).resolve().name + ending)
    if out.suffix != ending:
        raise DlcliError(
            f"--out {out}: expected a name that ends in {ending}, as --format is {config.format}", "rename it"
        )
    if out.is_dir():
        raise DlcliError(f"--out {out} is a directory", "give a file name")
    if out.exists() and not config.force:
        raise DlcliError(f"{out} exists", "give another name with --out, or add --force")
    if not out.parent.is_dir() or not os.access(out.parent, os.W_OK):
        raise DlcliError(f"--out {out}: cannot write to {out.parent}", "create the directory, or choose another")
    return out


def _refuse_diverged(run: Path) -> None:
    report = report_of(run)
    if report.status == "diverged":
        raise DlcliError(
            f"the training of {run} diverged ({report.reason}), and its model is of no use",
            "train it with a lower --lr",
        )
