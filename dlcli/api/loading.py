"""A run taken up in Python."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from dlcli.tasks.saved import is_network

if TYPE_CHECKING:
    from dlcli.api.images import ImageModel
    from dlcli.api.tables import TableModel


def load(run: "str | os.PathLike[str]") -> "TableModel | ImageModel":
    """The model of a run directory, of a model file in one, or of ``bundled:NAME``.

    Of ``fit-linear`` it is a ``TableModel``, of ``train-deconv`` an ``ImageModel``. Nothing is ever unpickled. Raises
    DlcliError where there is none, or it is damaged.
    """
    path = Path(run)
    if is_network(path):
        from dlcli.api.images import ImageModel

        return ImageModel(path)
    from dlcli.api.tables import TableModel

    return TableModel.load(path)
