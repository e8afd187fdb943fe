"""From a config's options to terms."""

from dataclasses import replace
from functools import lru_cache

from dlcli.config.fit_linear import FitLinearConfig
from dlcli.errors import DlcliError
from dlcli.tables.columns import ReadOptions
from dlcli.tables.terms.wanted import Formula, Shortcuts, Wanted
from dlcli.text import printable


@lru_cache(maxsize=8)
def _parsed(text: str) -> Formula:
    from dlcli.tables.terms.formula import parse_formula

    return parse_formula(text)


def with_terms(config: FitLinearConfig) -> FitLinearConfig:
    """The config with what its formula says of the target and the intercept. Raises DlcliError."""
    if config.formula is None:
        return config
    formula = _parsed(config.formula)
    if config.target not in (None, formula.target):
        raise DlcliError(
            f"--target {printable(str(config.target))} and --formula '{printable(formula.target)} ~ ...' disagree",
            "leave --target out",
        )
    intercept = config.intercept and formula.intercept
    return config.model_copy(update={"target": formula.target, "intercept": intercept})


def wanted_terms(config: FitLinearConfig) -> Wanted | None:
    """The terms that a config asks for; None where the columns are used as they are."""
    if config.formula is not None:
        formula = _parsed(config.formula)
        return replace(formula, intercept=formula.intercept and config.intercept)
    if not (config.interactions or config.log or config.poly):
        return None
    degrees = [one.rpartition(":") for one in config.poly]
    return Shortcuts(
        config.log,
        tuple((name, int(degree)) for name, _, degree in degrees),
        tuple(tuple(part.strip() for part in one.split(":")) for one in config.interactions),
        config.intercept,
    )


def with_wanted(config: FitLinearConfig, options: ReadOptions) -> ReadOptions:
    """The options of a table with what a config makes of its columns."""
    terms, log_target = wanted_terms(config), log_of_target(config)
    return replace(options, terms=terms, reference=config.reference, log_target=log_target)


def log_of_target(config: FitLinearConfig) -> bool:
    """Whether the target's logarithm is fitted."""
    return config.log_target or (config.formula is not None and _parsed(config.formula).log_target)
