"""``dlcli federate client``."""

from typing import TYPE_CHECKING

from dlcli.cli.command import Command
from dlcli.cli.console import Console
from dlcli.config.federated.client import ClientConfig

if TYPE_CHECKING:
    from dlcli.reports.federated.apps import ClientReport

DOC = """Answer one round of a federated training with this client's rows, for engines that carry messages.

Apps that `dlcli federate fit-linear --export` writes call it where the data are. The model that came in --init says how
the rows are read: its columns, levels, classes, what stands in for missing values, and the units to train in. Without
--steps the file --out gets the gradient and the Hessian at the model, whose means over all clients (weighted by
`weight` in the report) are those of the pooled rows; with --steps it gets the model after so many steps.

Examples:

- `dlcli federate client ward.csv --init app/start --json` – what one round sends

- `dlcli federate client ward.csv --init app/start --steps 10 --lr 0.5 --out local.safetensors`

"""


class Client(Command[ClientConfig, Console, "ClientReport"]):
    """A client's round."""

    config = ClientConfig
    console = Console
    doc = DOC

    def work(self, config: ClientConfig, console: Console) -> "ClientReport":
        """Read the rows and answer."""
        from dlcli.federated.exported.client import client_round

        return client_round(config, console)

    def show(self, report: "ClientReport", _config: ClientConfig, console: Console, /) -> None:
        """What the rows weigh, the loss, and where the tensors are."""
        console.facts([
            ["rows", f"{report.rows:,}, of weight {report.weight:g}"],
            ["loss", f"{report.loss:.6g} of the model that came"],
            ["largest stable lr", f"{report.largest_stable_lr:.4g}"],
        ])  # fmt: skip
        console.line("")
        console.line(f"saved in {report.out}")


COMMAND = Client()
