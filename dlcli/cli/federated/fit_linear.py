"""``dlcli federate fit-linear``."""

from typing import TYPE_CHECKING

from dlcli.cli.command import Command
from dlcli.cli.console import Console
from dlcli.config.federated.fit_linear import FederateLinearConfig

if TYPE_CHECKING:
    from dlcli.reports.federated.apps import AppReport
    from dlcli.reports.fit_linear import FitLinearReport

DOC = """Fit linear, logistic or softmax regression to data that stay with clients, all of them in this process.

For study, and for CI: it shows what training apart gives and what it takes. By default clients send sums, from which
comes the very answer that all rows in one place would give: least squares from products of columns, sent once; classes
by Newton's method. Options are those of `dlcli fit-linear`.

Examples:

- `dlcli federate fit-linear` – the built-in example, dealt out to 10 clients

- `dlcli federate fit-linear wine.csv --target quality --clients 5 --secure-sum`

- `dlcli federate fit-linear --clients hospitals/ --target outcome` – each file in the folder is a client's

- `dlcli federate fit-linear iris.csv --target species --algorithm fedavg --partition dirichlet:0.3 --pooled`

- `dlcli federate fit-linear --clients hospitals/ --target outcome --export flower:app` – for real machines
"""


class FederateLinear(Command[FederateLinearConfig, Console, "FitLinearReport | AppReport"]):
    """Linear, logistic and softmax regression over data that stay apart."""

    config = FederateLinearConfig
    console = Console
    doc = DOC

    def work(self, config: FederateLinearConfig, console: Console) -> "FitLinearReport | AppReport":
        """Fit, or write an app."""
        if (to := config.export_to) is not None:
            from dlcli.federated.exported.export import export_linear

            return export_linear(config, to, console)
        from dlcli.tasks.federated.fit_linear import federate_linear

        return federate_linear(config, console)

    def show(
        self, report: "FitLinearReport | AppReport", _config: FederateLinearConfig, console: Console, /
    ) -> None:  # fmt: skip
        """The coefficients, the clients, the metrics, and how the fit ended."""
        from dlcli.cli.federated.shown import client_rows, said
        from dlcli.linear.summary import ShownTable, shown
        from dlcli.reports.federated.apps import AppReport

        if isinstance(report, AppReport):
            from dlcli.federated.exported.shown import app_lines

            for line in app_lines(report):
                console.line(line)
            return
        assert report.federation is not None
        *parts, last = shown(report)
        for part in parts:
            if isinstance(part, ShownTable):
                console.table(part.head, part.rows, part.title)
            else:
                console.line(part)
        head, rows = client_rows(report.federation)
        console.table(head, rows, "clients")
        console.line("")
        for line in said(report.federation):
            console.line(line)
        assert isinstance(last, str)
        console.line(last)


COMMAND = FederateLinear()
