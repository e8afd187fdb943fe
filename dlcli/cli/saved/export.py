"""``dlcli export``."""

from typing import TYPE_CHECKING

from dlcli.cli.command import Command
from dlcli.cli.console import Console
from dlcli.config.saved.export import ExportConfig

if TYPE_CHECKING:
    from dlcli.reports.saved.export import ExportReport, Tensor

LISTED = 12  # inputs

DOC = """Hand a saved model on to other programs, which then need neither dlcli nor its settings.

All that `predict` does to an image or a row is part of the model: padding of odd sizes, normalization, enlargement,
missing values, categories. It is run beside dlcli first, and written only if it gives the same. Takes the extra
`export`: `pip install 'dlcli[export]'`.

Examples:

- `dlcli export runs/train-deconv-001` – ONNX, of any height and width

- `dlcli export runs/train-deconv-001 --format dtmodel --out denoise.dtmodel` – for darktable: preferences, AI, install

- `dlcli export runs/train-deconv-001 --format bioimage --author 'A. Name' --license CC-BY-4.0`

- `dlcli export runs/fit-linear-001 --format numpy --out model.py`

"""


class Export(Command[ExportConfig, Console, "ExportReport"]):
    """Handing a model on."""

    config = ExportConfig
    console = Console
    doc = DOC

    def work(self, config: ExportConfig, console: Console) -> "ExportReport":
        """Export."""
        from dlcli.tasks.export import export

        return export(config, console)

    def show(self, report: "ExportReport", _config: ExportConfig, console: Console, /) -> None:
        """How the model is called, how near it is to dlcli, and where it is."""
        rows = _rows("input", report.inputs) + _rows("output", report.outputs)
        rows.append(["checked", f"differs from dlcli by at most {report.difference:.2g} on {report.compared}"])
        console.facts(rows)
        console.line("")
        console.line(f"{report.bytes:,} bytes in {report.out}")


def _rows(what: str, tensors: "list[Tensor]") -> list[list[str]]:
    rows = [[what, f"{one.name} ({', '.join(map(str, one.shape))}) {one.dtype}: {one.about}"] for one in tensors]
    if len(rows) > LISTED:
        rows = [*rows[:LISTED], [what, f"and {len(rows) - LISTED:,} more; --json lists them"]]
    return [[label if not number else "", text] for number, (label, text) in enumerate(rows)]


COMMAND = Export()
