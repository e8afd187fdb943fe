"""``dlcli federate train-deconv``."""

from typing import TYPE_CHECKING

from dlcli.cli.command import Command
from dlcli.cli.console import Console
from dlcli.config.federated.train_deconv import FederateDeconvConfig

if TYPE_CHECKING:
    from dlcli.reports.federated.apps import AppReport
    from dlcli.reports.train_deconv import TrainDeconvReport

DOC = """Train a network over images that stay with clients, all of them in this process.

For study, and for CI: in each round clients take steps on their own images, and a server averages their weights
(FedAvg), or each is pulled towards the server's as well (FedProx). Options are those of `dlcli train-deconv`; how long
is trained is given by `--rounds` and `--local-steps`.

Examples:

- `dlcli federate train-deconv` – denoise the built-in images, dealt out to 4 clients

- `dlcli federate train-deconv digits/ --task classify --partition dirichlet:0.3` – 10 clients with other classes each

- `dlcli federate train-deconv --clients hospitals/ --sigma 25` – each folder in it is a client's

- `dlcli federate train-deconv photos/ --clients 20 --fraction 0.25 --algorithm fedprox:0.1 --secure-sum`

- `dlcli federate train-deconv --clients hospitals/ --sigma 25 --export flower:app` – for real machines

- `dlcli federate train-deconv --resume runs/federate-train-deconv-001` – continue after an interruption
"""


class FederateDeconv(Command[FederateDeconvConfig, Console, "TrainDeconvReport | AppReport"]):
    """Networks of convolutions and deconvolutions over images that stay apart."""

    config = FederateDeconvConfig
    console = Console
    doc = DOC

    def work(self, config: FederateDeconvConfig, console: Console) -> "TrainDeconvReport | AppReport":
        """Train, or write an app."""
        if (to := config.export_to) is not None:
            from dlcli.federated.exported.export import export_networks

            return export_networks(config, to, console)
        from dlcli.tasks.federated.train_deconv import federate_deconv

        return federate_deconv(config, console)

    def show(
        self, report: "TrainDeconvReport | AppReport", _config: FederateDeconvConfig, console: Console, /
    ) -> None:  # fmt: skip
        """What a training shows, the clients, and how they trained together."""
        from dlcli.cli.federated.shown import client_rows, said
        from dlcli.cli.train_deconv import ended, show_metrics
        from dlcli.reports.federated.apps import AppReport

        if isinstance(report, AppReport):
            from dlcli.federated.exported.shown import app_lines

            for line in app_lines(report):
                console.line(line)
            return
        assert report.federation is not None
        show_metrics(report, console)
        console.line("")
        head, rows = client_rows(report.federation)
        console.table([head[0], "images", *head[2:]], rows, "clients")
        console.line("")
        for line in said(report.federation):
            console.line(line)
        console.line(ended(report))


COMMAND = FederateDeconv()
