"""Rows that stay with clients: who has which, and what the server is told of all of them before it trains."""

from dataclasses import dataclass, field, replace

import numpy as np

from dlcli.config.federated.fit_linear import FederateLinearConfig
from dlcli.engine.arrays import FloatArray, IntArray
from dlcli.engine.ranks import ALONE
from dlcli.errors import DlcliError, ExitCode
from dlcli.federated.linear.server import Server, too_few
from dlcli.federated.linear.share import ClientShare
from dlcli.federated.linear.table import FederatedTable
from dlcli.federated.masking import MaskKey
from dlcli.federated.partition import owners_of, tenths
from dlcli.federated.sampling import Participation
from dlcli.linear.data.table_data import TableData
from dlcli.linear.objectives.moments import Moments, Weighted, is_wide, whole
from dlcli.tables.example import LineExample
from dlcli.tables.sources import expand
from dlcli.tables.table import Table
from dlcli.text import listed, printable


@dataclass
class Apart:
    """Deals the rows of a table out to clients, and makes the ``server`` that asks them; ``gone`` take no part."""

    config: FederateLinearConfig
    names: list[str]
    sources: list[int]  # of each client, how many files it has; [] where one table is dealt out
    gone: set[int] = field(default_factory=set)
    owners: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    classes: dict[int, FloatArray] = field(default_factory=dict)
    least: int = 2  # clients that there must be
    _server: Server | None = None

    @classmethod
    def of(cls, config: FederateLinearConfig) -> "Apart":
        """The clients of a command. Raises DlcliError for files that can't be."""
        if config.parts is not None:
            return cls(config, [f"client {number}" for number in range(1, config.parts + 1)], [])
        clients = config.named_clients
        return cls(config, [one.name for one in clients], [len(expand(one.files)) for one in clients])

    @classmethod
    def pooled(cls, config: FederateLinearConfig) -> "Apart":
        """One client that has all rows."""
        return cls(config, ["all rows"], [], least=1)

    @property
    def server(self) -> Server:
        """Who asks, once the rows are dealt out."""
        assert self._server is not None
        return self._server

    def __call__(self, table: Table | LineExample, data: TableData) -> TableData:
        """What is known of all rows of ``data``, which stay with the clients. Raises DlcliError."""
        assert data.responses is not None
        assert data.groups is not None
        self.owners = self._dealt(table, data)
        self._check(data)
        shares = {
            client: ClientShare(_own(data, self.owners == client), np.zeros(0, dtype=np.int64), None, ALONE)
            for client in range(len(self.names))
            if client not in self.gone
        }
        config, before = self.config, self._server
        self._server = Server(
            shares,
            Participation(len(self.names), 1.0, 0.0 if config.averages else config.client_failures, config.seed),
            MaskKey(config.seed) if config.secure_sum else None,
        )
        if before is not None:  # the clients that are left begin anew, and what was sent before was sent
            self._server.exchanges, self._server.sent, self._server.received = (
                before.exchanges + 1, before.sent, before.received
            )  # fmt: skip
            self._server.retries, self._server.asked_for = before.retries, before.asked_for
        moments = self._moments(data)
        kept = np.arange(len(data.fill))
        return replace(
            data, moments=moments, rows=int(sum(m.number for m in moments.values())), ones_X=None, responses=None,
            groups=None, reread=FederatedTable(self._server, kept),
        )  # fmt: skip

    def _dealt(self, table: Table | LineExample, data: TableData) -> IntArray:
        """The client of each row (n,)."""
        assert data.responses is not None
        y = data.responses.y
        if self.least == 1:
            return np.zeros(len(y), dtype=np.int64)
        if self.config.parts is not None:
            target = data.schema.target
            labels = y.astype(np.int64) if target is not None and target.levels else tenths(y)
            return owners_of(self.config.partition, labels, self.config.parts, self.config.seed_of_data)
        assert isinstance(table, Table)
        of_files = np.repeat(np.arange(len(self.names)), self.sources)
        every = np.repeat(of_files, table.rows_of_sources())
        stay = table.kept_rows()
        owners: IntArray = every if stay is None else every[stay]
        if len(owners) != len(y):
            raise DlcliError("the files have other rows than before: they changed while they were read", "run it again")
        return owners

    def _check(self, data: TableData) -> None:
        """Raise DlcliError for a client without rows, too few clients, or a class that only lost clients had."""
        counts = np.bincount(self.owners, minlength=len(self.names))
        if empty := [printable(self.names[i]) for i in np.flatnonzero(counts == 0)]:
            has = "has" if len(empty) == 1 else "have"
            raise DlcliError(
                f"{listed(empty)} {has} no rows to train on", "leave it out, or give it rows with a target"
            )
        left = [printable(name) for client, name in enumerate(self.names) if client not in self.gone]
        if len(left) < self.least:
            raise too_few(left)
        target = data.schema.target
        if target is None or not target.levels:
            return
        assert data.responses is not None
        k = len(target.levels)
        self.classes = {
            client: data.responses.of_rows(self.owners == client).class_counts(k) for client in range(len(self.names))
        }
        there = np.sum([self.classes[client] for client in range(len(self.names)) if client not in self.gone], axis=0)
        if self.gone and (missing := [printable(target.levels[c]) for c in np.flatnonzero(there == 0)]):
            lost = listed(printable(self.names[client]) for client in sorted(self.gone))
            raise DlcliError(
                f"{lost} gave no answer, and had all rows of {listed(missing)}", "run it again",
                ExitCode.TRAINING_FAILED,
            )  # fmt: skip

    def _moments(self, data: TableData) -> dict[int, Moments]:
        """The moments by group of all rows: sums of columns first, then of products about the common means."""
        groups = sorted({group for share in self.server.shares.values() for group in share.data.moments})
        d = len(data.fill) + 1
        head = self.server.total("head", groups=groups).reshape(len(groups), 4 + d)
        if is_wide(round(head[:, 1].sum()), d):
            raise DlcliError(
                f"{d - 1:,} columns and {round(head[:, 1].sum()):,} rows: products of columns would be larger than the "
                "rows, and tell them", "use fewer columns",
            )  # fmt: skip
        means = head[:, 4:] / np.where(head[:, 3:4] > 0, head[:, 3:4], 1.0)
        products = self.server.total("products", {"means": means}, groups=groups).reshape(len(groups), -1)
        found = {}
        for group, (weighs, number, logs, count), mean, triangle in zip(
            groups, head[:, :4].tolist(), means, products, strict=True
        ):
            scatter = np.zeros((d, d))
            scatter[np.triu_indices(d)] = triangle
            scatter += np.triu(scatter, 1).T
            weighted = Weighted(round(number), logs) if weighs else None
            found[group] = Moments(whole(count), mean, scatter, weighted=weighted)
        return found


def _own(data: TableData, rows: np.ndarray) -> TableData:
    """The rows of one client with their moments by group."""
    assert data.ones_X is not None
    assert data.responses is not None
    assert data.groups is not None
    ones_X, responses, groups = data.ones_X[rows], data.responses.of_rows(rows), data.groups[rows]
    moments: dict[int, Moments] = {}
    for group in np.unique(groups).tolist():
        chosen = groups == group
        own = responses.of_rows(chosen)
        Z = np.empty((int(chosen.sum()), ones_X.shape[1]), order="F")
        Z[:, 0], Z[:, 1:] = own.y, ones_X[chosen, 1:]
        with np.errstate(over="ignore", invalid="ignore"):  # refused later, by name
            moments[int(group)] = Moments.of(Z, weights=own.weights)
    return replace(
        data, moments=moments, rows=len(groups), ones_X=ones_X, responses=responses, groups=groups, gaps=None
    )  # fmt: skip
