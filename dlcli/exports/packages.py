"""The packages of the extra ``export``, which nothing else takes."""

import importlib
import warnings
from typing import Any

from dlcli.errors import DlcliError


def imported(module: str, format: str) -> Any:
    """``module``. Raises DlcliError that ``format`` takes it, with the extra to install."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(module)
    except ImportError:
        what = f"--format {format} takes the package {module.partition('.')[0]}, and that is not installed"
        raise DlcliError(what, "pip install 'dlcli[export]'") from None
