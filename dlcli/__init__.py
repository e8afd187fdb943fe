"""dlcli trains linear models and deconvolution networks by gradient descent, from one command line.

In Python, ``dlcli.load(run)`` takes up what a run saved, and ``dlcli.sklearn`` has estimators of scikit-learn's kind.
"""

__version__ = "0.1.0"
__all__ = ["DlcliError", "DlcliNote", "DlcliWarning", "__version__", "load"]

# By name, as the command's start is to load none of them, and the rooms that they are in import this module.
_MODULES = {
    "load": "dlcli.api.loading",
    "DlcliError": "dlcli.errors",
    "DlcliNote": "dlcli.errors",
    "DlcliWarning": "dlcli.errors",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module 'dlcli' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "sklearn"]
