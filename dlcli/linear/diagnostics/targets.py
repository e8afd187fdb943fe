"""Whether targets go with the loss of a family."""

from collections.abc import Iterator

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.engine.progress import Progress
from dlcli.errors import DlcliError
from dlcli.linear.data.stored import StoredTable
from dlcli.linear.data.table_data import TableData
from dlcli.linear.losses.families import check_targets, family_of
from dlcli.linear.objectives.loss import Kind, of_family
from dlcli.text import printable


def check_family(kind: Kind, data: TableData, progress: Progress) -> None:
    """Raise DlcliError for targets that the loss's family hasn't got, and say what is to be said of others."""
    if not of_family(kind):
        return
    family, whole, largest = family_of(kind), True, 0.0
    for y in _targets(data):
        check_targets(family, y)
        largest = max(largest, float(y.max(initial=0.0)))
        whole = whole and bool((y == np.floor(y)).all())
    if not family.signed and not largest > 0:
        assert data.schema.target is not None
        name = printable(data.schema.target.name)
        raise DlcliError(f"--loss {family.name}: the target {name!r} is 0 in every row", "give rows that aren't")
    if family.name == "poisson" and not whole:
        progress.note(
            "the target holds numbers that are no counts: --loss poisson fits their mean all the same, without a "
            "likelihood; its standard errors take the variance for the mean: --robust HC1 doesn't"
        )


def _targets(data: TableData) -> Iterator[FloatArray]:
    if isinstance(data.reread, StoredTable):
        yield data.reread.targets()
    elif data.responses is not None:
        yield data.responses.y
