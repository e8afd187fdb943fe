"""The ways to explain a model, by what it does."""

from typing import Literal

from dlcli.errors import DlcliError

ModelKind = Literal["linear", "restoration", "classes"]

METHODS: dict[ModelKind, tuple[str, ...]] = {
    "linear": ("shap", "permutation", "vif", "partial-residuals"),
    "restoration": ("gradient", "lam", "receptive-field", "checkerboard", "noise-gain", "filters"),
    "classes": ("integrated-gradients", "grad-cam", "deconvnet", "mistakes"),
}
BaselineName = Literal["black", "gray", "white", "mean"]
EVERY = tuple(name for names in METHODS.values() for name in names)
WORDS: dict[ModelKind, str] = {
    "linear": "linear models",
    "restoration": "networks that restore images",
    "classes": "networks that classify images",
}


def kind_of_method(name: str) -> ModelKind:
    """Which models a method explains.

    >>> kind_of_method("vif")
    'linear'
    """
    return next(kind for kind, names in METHODS.items() if name in names)


def methods_of(kind: ModelKind, asked: tuple[str, ...]) -> tuple[str, ...]:
    """Those that were ``asked`` for, in their usual order; all where none was.

    Raises DlcliError for one of another kind of model.
    """
    for name in asked:
        if name not in METHODS[kind]:
            raise DlcliError(
                f"--method {name} is for {WORDS[kind_of_method(name)]}, and this run is of {WORDS[kind]}",
                f"give some of {', '.join(METHODS[kind])}, or leave it out",
            )
    return tuple(name for name in METHODS[kind] if not asked or name in asked)
