"""Packages that some formats take, named with the extra that brings them where they aren't installed."""

import importlib
import logging
import warnings
from typing import Any

from dlcli.errors import DlcliError

# What they would print on their own of files that are odd; what is wrong is told by errors.
NOISY = ("tifffile", "astropy", "zarr", "bioio", "nd2", "ome_types", "xmlschema", "dask", "distributed", "numcodecs")


def imported(module: str, what: str, extra: str) -> Any:
    """``module``, silenced. Raises DlcliError that ``what`` takes it, with the extra to install."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = importlib.import_module(module)
    except ImportError:
        name = module.partition(".")[0].replace("_", "-")
        message = f"is {what}, which takes the package {name}, and that is not installed"
        raise DlcliError(message, f"pip install 'dlcli[{extra}]'") from None
    for name in NOISY:
        if name in logging.root.manager.loggerDict:  # astropy's is of a kind of its own, made when it is imported
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    for package in ("astropy", "zarr", "bioio", "nd2", "rawpy", "pillow_heif", "dask", "numcodecs"):
        warnings.filterwarnings("ignore", module=rf"{package}(\..*)?")
    return found
