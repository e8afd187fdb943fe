"""Which client has which row, where one table is dealt out to study what comes of it."""

import numpy as np

from dlcli.config.values.federation import parse_partition
from dlcli.engine.arrays import FloatArray, IntArray
from dlcli.errors import DlcliError
from dlcli.text import counted

TENTHS = 10  # classes that a target of numbers is taken as
DEALS = 100  # times that rows are dealt anew where a client would have none


def owners_of(partition: str, labels: IntArray, clients: int, seed: int) -> IntArray:
    """The number of the client of each row (n,); ``labels`` (n,) are the rows' classes.

    Raises DlcliError for more clients than rows.
    """
    if clients > len(labels):
        raise DlcliError(
            f"--clients {clients}: there are {counted(len(labels), 'row')}, and each client needs one",
            f"use --clients {max(len(labels), 2)} or fewer",
        )
    alpha = parse_partition(partition)
    return iid(len(labels), clients, seed) if alpha is None else dirichlet(labels, clients, alpha, seed)


def iid(rows: int, clients: int, seed: int) -> IntArray:
    """Rows dealt out by chance, (n,): clients have as many as each other, or one more."""
    order = np.random.default_rng([seed, 0xFED]).permutation(rows)
    owners = np.empty(rows, dtype=np.int64)
    owners[order] = np.arange(rows) % clients
    return owners


def dirichlet(labels: IntArray, clients: int, alpha: float, seed: int) -> IntArray:
    """Rows dealt out by class, (n,): of each class clients have shares that are drawn from Dirichlet(alpha).

    As in Yurochkin et al. 2019 ("Bayesian nonparametric federated learning of neural networks"). Where a client would
    have no row all are dealt anew; where that doesn't help it gets one of the client's that has most.
    """
    rng = np.random.default_rng([seed, 0xD1])
    owners = np.empty(len(labels), dtype=np.int64)
    for _ in range(DEALS):
        for label in np.unique(labels):
            rows = rng.permutation(np.flatnonzero(labels == label))
            ends = np.cumsum(_shares(rng, clients, alpha)) * len(rows)
            owners[rows] = np.searchsorted(np.rint(ends[:-1]), np.arange(len(rows)), side="right")
        if np.bincount(owners, minlength=clients).all():
            return owners
    for client in range(clients):
        if not (counts := np.bincount(owners, minlength=clients))[client]:
            owners[np.flatnonzero(owners == counts.argmax())[0]] = client
    return owners


def _shares(rng: np.random.Generator, clients: int, alpha: float) -> FloatArray:
    """A draw of Dirichlet(alpha); of an alpha so small that all of it underflows, all to one client."""
    shares = rng.dirichlet(np.full(clients, alpha))
    if np.isfinite(shares).all() and shares.sum() > 0:
        return np.asarray(shares, dtype=np.float64)
    alone = np.zeros(clients)
    alone[rng.integers(clients)] = 1.0
    return alone


def tenths(values: FloatArray) -> IntArray:
    """Which tenth of all values each is in, (n,), 0 to 9; equal values are in the same one."""
    ends = np.quantile(values, np.arange(1, TENTHS) / TENTHS)
    return np.searchsorted(ends, values, side="left").astype(np.int64)
