"""``dlcli explain``."""

from typing import TYPE_CHECKING

from dlcli.cli.command import Command
from dlcli.cli.console import Console
from dlcli.config.saved.explain import ExplainConfig
from dlcli.text import counted

if TYPE_CHECKING:
    from dlcli.reports.explain.base import Explanation

SHOWN = 20  # rows of a table on the screen; the page has all

DOC = """Explain a saved model: what its predictions are made of, as figures, pictures and one page.

Without DATA, it explains on the validation data that training held out, and says where there is none.

Linear models: exact SHAP values w(x - mean) of each row, on the scale of the linear predictor; how much worse the main
metric gets when a column's values are permuted, with intervals; variance inflation factors; partial residuals.

Networks that restore: which pixels a region is made from, receptive fields, checkerboard patterns, what is done to
noise, the filters of the first layer. Networks that classify: integrated gradients, Grad-CAM, the deconvolution of
Zeiler and Fergus, the surest mistakes.

Examples:

- `dlcli explain` – the newest run, or a network that comes with dlcli

- `dlcli explain runs/fit-linear-001`

- `dlcli explain runs/fit-linear-001 new.csv --out explained/`

- `dlcli explain runs/train-deconv-001 photo.png --region 100,80,16,16`

- `dlcli explain runs/fit-linear-001 --method permutation,vif --json | jq .columns`
"""


class Explain(Command[ExplainConfig, Console, "Explanation"]):
    """Explaining a saved model."""

    config = ExplainConfig
    console = Console
    doc = DOC

    def work(self, config: ExplainConfig, console: Console) -> "Explanation":
        """Explain."""
        from dlcli.tasks.explain.explain import explain

        return explain(config, console)

    def show(self, report: "Explanation", _config: ExplainConfig, console: Console, /) -> None:
        """The figures as tables, what was found, and where the pictures are."""
        from dlcli.runs.names import EXPLAINED_PAGE

        for number, table in enumerate(one for one in report.tables() if one.rows):
            if number:
                console.line("")
            rows, more = table.rows[:SHOWN], len(table.rows) - SHOWN
            console.line(table.title)
            console.table(table.head, rows)
            for note in (f"{more:,} more are in {EXPLAINED_PAGE}" if more > 0 else "", table.note):
                if note:
                    console.line(note)
        if report.findings:
            console.line("")
        for finding in report.findings:
            console.line(f"- {finding}")
        console.line("")
        pictures = f" and {counted(len(report.pictures), 'picture')}" if report.pictures else ""
        console.line(f"{EXPLAINED_PAGE}{pictures} in {report.out}")


COMMAND = Explain()
