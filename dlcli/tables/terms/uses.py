"""What the factors of terms are, by the columns that they are of."""

from collections.abc import Iterable, Sequence

from dlcli.tables.columns import Column
from dlcli.tables.terms.expressions import Expression, Levels, Name, columns_of, refused
from dlcli.tables.terms.wanted import Factor
from dlcli.text import listed, printable


def column_of(name: str, features: Sequence[Column]) -> Column:
    """The feature of a name, or of a number that it is read as. Raises DlcliError where there is none."""
    found = next((c for c in features if c.name == name or name in c.plain_names), None)
    if found is None:
        raise refused(name, "it is no column that is used", "name a column of the table")
    return found


def as_used(expression: Expression, features: Sequence[Column]) -> Expression:
    """The expression; the levels of a text or a boolean that stands for itself."""
    if isinstance(expression, Name) and column_of(expression.column, features).kind != "number":
        return Levels(expression.column)
    return expression


def check_uses(factors: Iterable[Factor], features: Sequence[Column]) -> None:
    """Raise DlcliError for a column that can't be used as a factor has it."""
    for factor in factors:
        expression = as_used(factor.expression, features)
        for name in columns_of(expression):
            column, shown = column_of(name, features), printable(name)
            if not isinstance(expression, Levels) and column.kind == "text":
                hint = "use the column by itself, as levels, or read it as numbers by --number"
                raise refused(factor.name, f"column '{shown}' holds texts", hint)
            if column.kind == "number" and name not in column.plain_names:
                hint = f"name one of {listed(column.plain_names)}"
                raise refused(factor.name, f"column '{shown}' is used by its parts", hint)
