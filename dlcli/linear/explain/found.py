"""What was found of a linear model: all that its report and pictures are made of."""

from dataclasses import dataclass

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.linear.explain.inflation import Inflation
from dlcli.linear.explain.parts import Contributions
from dlcli.linear.explain.permutation import Measured
from dlcli.linear.explain.rows import ExplainedRows
from dlcli.linear.explain.sample import SampledRows
from dlcli.linear.losses.families import family_of
from dlcli.linear.model import LinearModel
from dlcli.linear.objectives.loss import of_classes, of_family
from dlcli.tables.table import Schema
from dlcli.text import printable


@dataclass(frozen=True)
class Subject:
    """The model that is explained, its columns, and its SHAP values."""

    model: LinearModel
    schema: Schema
    contributions: Contributions

    @property
    def target(self) -> str:
        """The name of the target."""
        return self.schema.target.name if self.schema.target is not None else ""

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes whose scores there are; () of one score."""
        several = self.contributions.coefficients.shape[1] > 1
        return self.schema.target.levels if several and self.schema.target is not None else ()

    @property
    def scale(self) -> str:
        """What SHAP values add up to, in words."""
        kind, target = self.model.kind, printable(self.target)
        if of_classes(kind):
            levels = self.schema.target.levels if self.schema.target is not None else ()
            if self.classes:
                return f"log-odds of each class of {target} against their geometric mean"
            return f"log-odds of {target} = {printable(levels[1])}"
        if of_family(kind):
            link = family_of(kind).link
            return {"log": f"log(mean {target})", "inverse": f"1 / mean {target}"}.get(link, target)
        return f"log({target})" if self.schema.log_target else target


@dataclass(frozen=True)
class Summed:
    """What a pass over the rows found: how many there are, their mean |SHAP| (parts, k), and some of them."""

    rows: int
    sizes: FloatArray
    sample: SampledRows


@dataclass(frozen=True)
class Found:
    """What each of the ``methods`` found; ``measured`` and ``factors`` (one for each part) None where it wasn't asked.

    ``plain`` (n, w) are the table's own columns of the rows in the sample, None where X has these.
    """

    subject: Subject
    rows: ExplainedRows
    summed: Summed
    methods: tuple[str, ...]
    plain: FloatArray | None = None
    measured: Measured | None = None
    factors: list[Inflation | None] | None = None

    @property
    def order(self) -> list[int]:
        """The parts by their mean |SHAP|, the largest first."""
        sizes = self.summed.sizes.mean(axis=1)
        return [int(number) for number in np.argsort(-sizes, kind="stable")]
