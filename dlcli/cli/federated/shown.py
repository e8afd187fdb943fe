"""What a federated training shows beside what the training itself does: its clients, and what they sent."""

from dlcli.reports.federated.entries import ClientEntry, FederationEntry
from dlcli.reports.summary import cell
from dlcli.text import counted, printable

SHOWN = 12  # clients that the table has
MEASURES = ("accuracy", "rmse", "psnr")  # of which the table has the first that there is


def client_rows(entry: FederationEntry) -> tuple[list[str], list[list[str]]]:
    """A table of the clients: how many rows each has, and how well the model does on them."""
    known = [client for client in entry.clients if client.metrics]
    parts = [part for part in ("train", "val") if any(part in client.metrics for client in known)]
    name = next((m for m in MEASURES if any(m in part for c in known for part in c.metrics.values())), "loss")
    head = ["", "rows", *(f"{name} ({part})" for part in parts)]
    rows = [_row(client, parts, name) for client in entry.clients[:SHOWN]]
    if len(entry.clients) > SHOWN:
        rows.append([f"and {len(entry.clients) - SHOWN} more", *[""] * (len(head) - 1)])
    return head, rows


def _row(client: ClientEntry, parts: list[str], name: str) -> list[str]:
    values = [cell(client.metrics.get(part, {}).get(name)) for part in parts]
    return [printable(client.name) + (" (left out)" if client.left_out else ""), f"{client.rows:,}", *values]


def said(entry: FederationEntry) -> list[str]:
    """Lines on how they trained together."""
    how = {"exact": "sums over the clients' rows", "fedavg": "FedAvg", "fedprox": f"FedProx, mu {entry.mu or 0:g}"}
    rounds = f", {counted(len(entry.rounds), 'round')}" if entry.rounds is not None else ""
    hidden = "masked" if entry.secure_sum else "not masked: the server saw each client's"
    lines = [
        f"{how[entry.algorithm]}{rounds}; {entry.sent:,} numbers sent by each client in "
        f"{counted(entry.exchanges, 'exchange')}, {hidden}"
    ]
    if "ranks" in (entry.asked_for or {}):
        lines.append("auc is from counts of rows in 4,096 bins of scores")
    if entry.privacy is not None:
        p = entry.privacy
        lines.append(f"differential privacy of each {p.unit}: epsilon {p.epsilon:.3g} at delta {p.delta:g}")
    if entry.pooled is not None and entry.pooled.difference is not None:
        lines.append(f"coefficients differ from the pooled ones by up to {entry.pooled.difference:.2g} of themselves")
    return lines
