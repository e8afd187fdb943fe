"""What was found of a linear model, in sentences: what it says, and what to beware of."""

from collections.abc import Iterator

import numpy as np

from dlcli.linear.explain.found import Found
from dlcli.linear.explain.loss_rows import metric_of
from dlcli.text import counted, listed, printable


def findings_of(found: Found) -> list[str]:
    """The sentences, each without an end."""
    return [*_of_shap(found), *_of_permutation(found), *_of_inflation(found)]


def _of_shap(found: Found) -> Iterator[str]:
    if "shap" not in found.methods:
        return
    yield (
        f"SHAP values w(x - mean) are in {found.subject.scale}, about the mean of the training rows: those of a row "
        "and the score at that mean add up to the row's score"
    )
    if found.subject.model.smearing is not None:
        yield "predictions are exp of that scale, so that SHAP values are factors there, not terms"
    if names := [part.name for part in found.subject.contributions.parts if part.interaction]:
        shown = listed(map(printable, names))
        yield f"{shown}: what interactions add has SHAP values of its own, beside those of its columns"
    if found.summed.sample.offset is not None:
        yield "the offset is part of each score, and of no column"


def _of_permutation(found: Found) -> Iterator[str]:
    measured = found.measured
    if measured is None:
        return
    words = metric_of(found.subject.model).words
    if found.rows.trained_on:
        yield (
            "columns were permuted in the very rows that the model was trained on, as none were held out: that shows "
            "what the model uses, not what helps on other rows (give DATA, or train with --val 0.2)"
        )
    sample = found.summed.sample
    if not sample.all:
        yield f"columns were permuted in {len(sample.numbers):,} rows, drawn at random of {sample.rows:,}"
    if len(sample.numbers) == 1:
        yield "one row has no others to permute its values with"
    if found.rows.grouped:
        yield (
            "intervals of permuted columns take each row for one of its own: where rows of a group are alike they are "
            "too narrow"
        )
    idle = [name for name, one in measured.importances.items() if one.low <= 0]
    if idle and len(sample.numbers) > 1:
        yield f"permuting {listed(map(printable, idle))} makes the {words} no worse than chance may"
    if measured.impossible:
        names = listed(map(printable, measured.impossible))
        yield f"{names} can't be permuted: terms can't be computed of such mixed rows"


def _of_inflation(found: Found) -> Iterator[str]:
    if found.factors is None:
        return
    parts = found.subject.contributions.parts
    crossed = {name for part in parts if part.interaction for name in part.columns}  # inflated by what they are
    pairs = [
        (part.name, one)
        for part, one in zip(parts, found.factors, strict=True)
        if one is not None and one.large and not crossed & set(part.columns)
    ]
    if not pairs:
        return
    if len(pairs) == len(parts) and all(np.isinf(one.factor) for _, one in pairs):
        yield (
            f"all {counted(len(pairs), 'column')} follow from each other in the rows {found.rows.training_name}, as "
            "where rows are fewer than columns: how effects are divided among them is up to penalty or optimizer"
        )
        return
    pairs.sort(key=lambda pair: -pair[1].scaled)
    texts = [
        f"{printable(name)} ({'infinite' if np.isinf(one.factor) else f'{one.scaled**2:.3g}'})" for name, one in pairs
    ]
    about = "" if found.subject.model.settings.get("intercept", True) else " (about 0, as there is no intercept)"
    yield (
        f"large variance inflation in {counted(len(pairs), 'column')}{about}: {listed(texts)}; their values move "
        "with those of other columns, so how their common effect is divided among them is uncertain, and permuting one "
        "alone makes rows that there are none of"
    )
