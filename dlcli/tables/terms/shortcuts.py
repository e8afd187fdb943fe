"""Terms by options instead of a formula: all columns, some by a function, and products of some."""

from collections.abc import Sequence

from dlcli.errors import DlcliError
from dlcli.tables.columns import Column
from dlcli.tables.terms.expressions import Name, written
from dlcli.tables.terms.parsing import parse
from dlcli.tables.terms.uses import column_of
from dlcli.tables.terms.wanted import Factor, Formula, Shortcuts
from dlcli.text import printable


def as_formula(wanted: Shortcuts, features: Sequence[Column]) -> Formula:
    """All columns, as the options have them, and their products. Raises DlcliError for what a column can't be."""
    _check_used(wanted, features)
    factors: dict[str, Factor] = {}
    terms: list[tuple[str, ...]] = []
    own: dict[str, str] = {}
    for column in features:
        used = _factors(wanted, column)
        factors |= {factor.name: factor for factor in used}
        if len(used) == 1:
            own[column.name] = used[0].name
        if column.indicator:
            mark = f"missing({written(column.name)})"
            factors[mark] = Factor(mark, parse(mark))
            used = [*used, factors[mark]]
        terms += [(factor.name,) for factor in used]
    terms += [_product(one, own, features) for one in wanted.interactions]
    text = " + ".join(":".join(term) for term in terms)
    ordered = tuple(sorted(dict.fromkeys(terms), key=len))
    return Formula(text, "", log_target=False, intercept=wanted.intercept, terms=ordered, factors=factors)


def _check_used(wanted: Shortcuts, features: Sequence[Column]) -> None:
    """Raise DlcliError for a column whose logarithm or polynomial was asked for, and that is no feature."""
    used = {column.name for column in features}
    for option, names in (("--log", wanted.logs), ("--poly", [name for name, _ in wanted.polynomials])):
        for name in names:
            if name not in used:
                raise DlcliError(
                    f"{option} {printable(name)}: it is no column that is used",
                    "name it with --features too, or leave it out here",
                )


def _factors(wanted: Shortcuts, column: Column) -> list[Factor]:
    """What a column is used as."""
    degree = dict(wanted.polynomials).get(column.name)
    if column.name not in wanted.logs and degree is None:
        return [Factor(name, Name(name)) for name in column.plain_names or (column.name,)]
    if column.kind != "number" or column.parts:
        option = "--log" if degree is None else "--poly"
        raise DlcliError(f"{option}: column '{printable(column.name)}' holds no numbers", "name a column of numbers")
    text = f"log({written(column.name)})" if degree is None else f"poly({written(column.name)}, {degree})"
    return [Factor(text, parse(text))]


def _product(names: tuple[str, ...], own: dict[str, str], features: Sequence[Column]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise DlcliError(f"--interactions {':'.join(names)}: a column with itself", "use --poly for its powers")
    for name in names:
        if name not in own:
            column_of(name, features)
            raise DlcliError(f"--interactions: column '{printable(name)}' is used by its parts", "leave it out")
    return tuple(own[name] for name in names)
