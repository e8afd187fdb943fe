"""Options of terms: functions and products of columns, by a formula or by the options for what is common."""

from pydantic import field_validator

from dlcli.config.base import Config
from dlcli.config.common import DATA, by_commas
from dlcli.config.option import option

EXAMPLE = "as in 'log(y) ~ log(a) + poly(b, 3) + c:d'"


class TermOptions(Config):
    """What the columns of the model are made of."""

    formula: str | None = option(
        None,
        "Target and terms as in R: 'price ~ log(carat) + cut*clarity + poly(depth, 3) + bs(age, 5) - 1'. Functions: "
        "log, log1p, log2, log10, exp, sqrt, abs, poly, bs, cr, ns, center, scale, standardize, C, I with arithmetic.",
        panel=DATA,
        metavar="FORMULA",
        also="model_formula r_formula patsy formula_string terms expression",
    )
    interactions: tuple[str, ...] = option(
        (),
        "Products of columns as they are used, as in carat:cut, separated by commas. Repeatable.",
        panel=DATA,
        metavar="A:B",
        also="interaction interact interaction_columns crosses cross feature_crosses",
    )
    log: tuple[str, ...] = option(
        (), "Columns to use by their logarithms, separated by commas. Repeatable.", panel=DATA, metavar="COLUMNS",
        also="log_columns log_transform logs log_features ln",
    )  # fmt: skip
    poly: tuple[str, ...] = option(
        (),
        "Columns to use by polynomials, orthogonal over the training rows, as in age:3, separated by commas. "
        "Repeatable.",
        panel=DATA,
        metavar="COLUMN:DEGREE",
        also="polynomial polynomials polynomial_features poly_features degree",
    )
    reference: tuple[str, ...] = option(
        (),
        "Level of a text that its others are compared with, as in cut=Ideal; by default the first. Repeatable.",
        panel=DATA,
        metavar="COLUMN=LEVEL",
        also="relevel reference_level reference_levels ref_level reference_category drop_first",
    )
    log_target: bool = option(
        False,
        "Fit the target's logarithm. Predictions are in the target's own units: exp, times the mean of the training "
        "rows' exp(residual) (Duan's smearing).",
        panel=DATA,
        flags=("--log-target",),
        also="log_y log_response target_log transform_target log_transform_target",
    )

    @field_validator("interactions", "log", "poly", mode="before")
    @classmethod
    def _split_terms(cls, value: object) -> object:
        return by_commas(value)

    def check_terms(self) -> None:
        """Raise ValueError for options that don't go together."""
        options = {"--interactions": self.interactions, "--log": self.log, "--poly": self.poly}
        given = [name for name, value in options.items() if value]
        if self.formula is not None and (given or self.log_target):
            every = " and ".join([*given, *["--log-target"] * self.log_target])
            raise ValueError(f"--formula says all terms: write {every} into it, {EXAMPLE}")
        for one in self.interactions:
            if not all(part.strip() for part in one.split(":")) or ":" not in one:
                raise ValueError(f"--interactions {one}: expected columns with colons, such as carat:cut")
        for one in self.poly:
            name, _, degree = one.rpartition(":")
            if not name or not degree.isdecimal() or not 1 <= int(degree[:6]) <= 25:
                raise ValueError(f"--poly {one}: expected a column and a degree from 1 to 25, such as age:3")
        for one in self.reference:
            if not all(one.partition("=")):
                raise ValueError(f"--reference {one}: expected a column and its level, such as cut=Ideal")
