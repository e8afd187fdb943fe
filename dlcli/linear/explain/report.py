"""The report of what was found of a linear model."""

from dlcli.linear.explain.found import Found
from dlcli.linear.explain.inflation import Inflation
from dlcli.linear.explain.loss_rows import metric_of
from dlcli.linear.explain.permutation import Importance
from dlcli.reports.explain.linear import ExplainedColumn, InflationOf, Permuted, PermutedColumn
from dlcli.text import printable


def columns_of(found: Found) -> list[ExplainedColumn]:
    """An entry for each part, the most important first, then one for each column that is in interactions alone."""
    parts = found.subject.contributions.parts
    entries = [_part(found, number) for number in found.order]
    own = {part.name for part in parts if not part.interaction}
    if found.measured is not None:
        entries += [
            ExplainedColumn(name=printable(name), interaction=False, encoded=0, permutation=_permuted(one))
            for name, one in found.measured.importances.items()
            if name not in own
        ]
    if "shap" not in found.methods and found.measured is not None:
        entries.sort(key=lambda one: -_known(one))
    return entries


def _known(one: ExplainedColumn) -> float:
    value = float("nan") if one.permutation is None else one.permutation.value
    return value if value == value else float("-inf")


def _part(found: Found, number: int) -> ExplainedColumn:
    part = found.subject.contributions.parts[number]
    sizes, classes, shap = found.summed.sizes[number], found.subject.classes, "shap" in found.methods
    own = None
    if found.measured is not None and not part.interaction:
        own = found.measured.importances.get(part.name)
    factor = None if found.factors is None else found.factors[number]
    return ExplainedColumn(
        name=printable(part.name),
        interaction=part.interaction,
        encoded=len(part.places),
        mean_abs_shap=float(sizes.mean()) if shap else None,
        by_class=dict(zip(map(printable, classes), sizes.tolist(), strict=True)) if shap and classes else None,
        permutation=None if own is None else _permuted(own),
        vif=None if factor is None else _inflation(factor),
    )


def _permuted(one: Importance) -> PermutedColumn:
    return PermutedColumn(value=one.value, low=one.low, high=one.high)


def _inflation(one: Inflation) -> InflationOf:
    return InflationOf(factor=one.factor, df=one.df, scaled=one.scaled)


def permuted_of(found: Found, repeats: int) -> Permuted | None:
    """How columns were permuted; None where they weren't."""
    if found.measured is None:
        return None
    return Permuted(
        metric=metric_of(found.subject.model).name,
        value=found.measured.metric,
        repeats=repeats,
        rows=len(found.summed.sample.numbers),
        trained_on=found.rows.trained_on,
    )
