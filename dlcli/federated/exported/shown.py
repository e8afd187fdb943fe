"""What is said of an app that was written."""

import os

from dlcli.reports.federated.apps import AppReport
from dlcli.text import listed, printable, printable_path


def app_lines(report: AppReport) -> list[str]:
    """Lines for a person."""
    local = f"{report.algorithm}, {report.local_steps} local steps at rate {report.lr:.4g}"
    how = "sums, and Newton's method" if report.algorithm == "exact" else local
    names = listed([printable(client.name) for client in report.clients])
    out = printable_path(report.out)
    return [
        f"{how}, at most {report.rounds} rounds, {report.parameters:,} parameters",
        f"clients: {names}",
        f"{len(report.files)} files for {report.engine} in {out}; its README.md says how to train between machines",
        f"try it on this machine: python {os.path.join(out, 'run.py')}",
    ]
