"""Which loss a target has, and what of weights, offsets and logarithms goes with it."""

from dlcli.config.fit_linear import FitLinearConfig
from dlcli.config.values.class_weights import weights_by_name
from dlcli.config.values.loss import HUBER, parse_loss
from dlcli.errors import DlcliError
from dlcli.linear.objectives.loss import Kind, Loss, loss_of, of_family, of_huber, usual_link
from dlcli.tables.columns import Column
from dlcli.tables.example import LineExample
from dlcli.tables.table import Table
from dlcli.tables.terms.options import log_of_target
from dlcli.text import listed, printable

USUAL_DELTA = 1.345  # with which the estimates have 95% of the efficiency of least squares where residuals are normal


def problem_kind(config: FitLinearConfig, table: Table | LineExample) -> Kind:
    """Least squares or classes; whether there are two classes or more is known once the data are read."""
    target = table.target
    assert target is not None
    _check_logarithm(config, target)
    if target.kind == "number":
        if config.loss == "cross-entropy" and not config.data:
            raise DlcliError("--loss cross-entropy: the built-in example predicts a number", "give a table of classes")
        return "softmax" if config.loss == "cross-entropy" else _of_numbers(config)
    if config.loss in ("auto", "cross-entropy"):
        return "softmax"
    name = printable(target.name)
    raise DlcliError(
        f"--loss {config.loss}: the target {name!r} holds {target.kind} values, expected numbers",
        "use --loss cross-entropy, or choose another --target",
    )


def _check_logarithm(config: FitLinearConfig, target: Column) -> None:
    """Raise DlcliError where the target's logarithm is to be fitted and can't be."""
    if not log_of_target(config):
        return
    if not config.data:
        raise DlcliError("--log-target: no DATA was given", "leave it out")
    if target.kind != "number" or config.loss == "cross-entropy":
        raise DlcliError(f"--log-target: the target {printable(target.name)!r} is taken as classes", "leave it out")
    if config.loss not in ("auto", "mse"):
        raise DlcliError(
            f"--log-target is for least squares; --loss {config.loss} has its own link", "leave one of them out"
        )


def _of_numbers(config: FitLinearConfig) -> Kind:
    """The loss of a target of numbers."""
    asked = parse_loss(config.loss)
    if asked.name == "auto":
        return "mse"
    if asked.name == HUBER:
        return Loss(HUBER, asked.parameter or USUAL_DELTA).kind
    link = usual_link(asked.name, asked.parameter) if config.link == "auto" else config.link
    return Loss(asked.name, asked.parameter, link).kind


def check_weighting(config: FitLinearConfig, kind: Kind) -> None:
    """Raise DlcliError for weights and offsets that the loss hasn't got."""
    if config.class_weight is not None and kind not in ("logistic", "softmax"):
        raise DlcliError(
            f"--class-weight {config.class_weight} is for classes, and the target holds numbers", "leave it out"
        )
    link = loss_of(kind).link
    if config.exposure is not None and link != "log":
        raise DlcliError(
            f"--exposure {printable(config.exposure)}: its logarithm is an offset where the loss has a log link, and "
            "this one has none", "use --offset, or leave it out",
        )  # fmt: skip
    if log_of_target(config) and config.offset is not None:
        raise DlcliError(
            f"--offset {printable(config.offset)} does not go with --log-target: it is added to the target's logarithm",
            "leave one out",
        )
    if not (of_family(kind) or of_huber(kind)):
        return
    if config.offset is not None and link not in ("log", None):
        raise DlcliError(f"--offset {printable(config.offset)} goes with --link log, not {link}", "leave one out")
    if of_huber(kind) and config.weights is not None and config.weights_kind == "precision":
        raise DlcliError(
            f"--weights-kind precision does not go with --loss {loss_of(kind).name}", "use --weights-kind frequency"
        )


def check_class_names(config: FitLinearConfig, classes: tuple[str, ...]) -> None:
    """Raise DlcliError for a weight of a class that isn't there, and for an offset of more than two."""
    named = weights_by_name(config.class_weight) if config.class_weight is not None else None
    if unknown := [name for name in named or () if name not in classes]:
        raise DlcliError(
            f"--class-weight {config.class_weight}: there is no class {printable(unknown[0])!r}",
            f"the classes are {listed(classes)}",
        )
    if config.offset is not None and len(classes) > 2:
        raise DlcliError(
            f"--offset {printable(config.offset)}: {len(classes)} classes have a score each, and one column can't be "
            "added to all", "leave it out",
        )  # fmt: skip
