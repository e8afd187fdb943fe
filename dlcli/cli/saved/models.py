"""``dlcli models``."""

from typing import TYPE_CHECKING

from dlcli.cli.command import Command
from dlcli.cli.console import Console
from dlcli.config.saved.models import ModelsConfig

if TYPE_CHECKING:
    from dlcli.reports.saved.models import ModelsReport

DOC = """List the networks that come with dlcli, or show the card of one.

They are trained by dlcli itself, on generated images alone, and go wherever a run directory does: `eval`, `predict`,
`train-deconv --init`. `bundled:denoise` is the one for gray images or that for color, as the images are.

Examples:

- `dlcli models`

- `dlcli models bundled:denoise-gray` – how it was made, and how good it is

- `dlcli predict bundled:denoise photo.jpg --out clean/`
"""


class Models(Command[ModelsConfig, Console, "ModelsReport"]):
    """Looking at the networks in the box."""

    config = ModelsConfig
    console = Console
    doc = DOC

    def work(self, config: ModelsConfig, _console: Console) -> "ModelsReport":
        """List."""
        from dlcli.tasks.models import list_models

        return list_models(config)

    def show(self, report: "ModelsReport", config: ModelsConfig, console: Console, /) -> None:
        """A table; of one that is asked for its card."""
        if config.name is not None:
            for model in report.models:
                for line in model.card.splitlines():
                    console.command(line)
            return
        rows = [
            [
                one.name, one.task, {1: "gray", 3: "color"}.get(one.channels, str(one.channels)),
                f"{one.sigma[0]:g} to {one.sigma[1]:g}", f"{one.weights:,}", f"{one.bytes / 1e6:.2f} MB",
            ]
            for one in report.models
        ]  # fmt: skip
        console.table(["name", "task", "images", "sigma", "weights", "size"], rows, least=["weights", "size", "images"])


COMMAND = Models()
