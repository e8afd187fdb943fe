"""The summary of a fit as the console shows it, in 80 columns."""

import math
from collections.abc import Callable, Mapping

from dlcli.reports.fit_linear import ClassCoefficients, Coefficient, FamilyEntry, FitLinearReport, HuberEntry
from dlcli.reports.inference import Inference, Likelihood, OverallTest, Residuals, Summary

WIDE = 5  # classes that fit side by side in a table
MOST_ROWS = 100  # rows of tables by class; of more coefficients the tests are in the report
DIGITS = 4  # of a standard error; its coefficient is shown to the same place
LONGEST = 10  # characters of a number that is shown to a place
CLOSE_TO_1, CERTAIN = 1.1, 4.0  # dispersions that change nothing, and that many deviations from 1 are no chance
SMALL = 2e-16  # a p-value below which nothing more is told
Tables = list[tuple[str, list[str], list[list[str]]]]


def coefficient_tables(report: FitLinearReport) -> Tables:
    """Title, header and rows of the tables of coefficients: one, or with tests one for each class."""
    several = {name: e for name, e in report.coefficients.items() if isinstance(e, ClassCoefficients)}
    if not several:
        single = {name: e for name, e in report.coefficients.items() if isinstance(e, Coefficient)}
        return [("", *_tested(single, report.summary))]
    classes = list(next(iter(several.values())).value)
    tested = report.summary is not None and report.summary.inference is not None
    shows_more = tested or any(e.standardized for e in several.values())
    if shows_more and len(classes) * len(several) <= MOST_ROWS:
        return [(c, *_tested(_of_class(several, c), report.summary)) for c in classes]
    if len(classes) > WIDE:
        long = [[name, c, f"{e.value[c]:.6g}"] for name, e in several.items() for c in classes]
        return [("", ["coefficient", "class", "value"], long)]
    rows = [[name, *(f"{e.value[c]:.6g}" for c in classes)] for name, e in several.items()]
    return [("", ["coefficient", *classes], rows)]


def _of_class(entries: Mapping[str, ClassCoefficients], c: str) -> dict[str, Coefficient]:
    def at(values: Mapping[str, float | None] | None) -> float | None:
        return None if values is None else values[c]

    return {
        name: Coefficient(
            value=e.value[c], std_error=e.std_error[c], statistic=at(e.statistic), p=at(e.p), low=at(e.low),
            high=at(e.high), standardized=at(e.standardized),
        )
        for name, e in entries.items()
    }  # fmt: skip


def _tested(entries: Mapping[str, Coefficient], summary: Summary | None) -> tuple[list[str], list[list[str]]]:
    """Header and rows of one output's coefficients; columns without a number are left out."""
    how = summary.inference if summary is not None else None
    outside = (1 - how.confidence) * 50 if how else 2.5
    columns: dict[str, Callable[[Coefficient], str]] = {
        "value": lambda e: _to_place(e.value, e.std_error),
        "std error": lambda e: _significant(e.std_error),
        how.statistic if how else "t": lambda e: _statistic(e.statistic),
        "p": lambda e: p_text(e.p),
        f"{outside:.4g}%": lambda e: _to_place(e.low, e.std_error),
        f"{100 - outside:.6g}%": lambda e: _to_place(e.high, e.std_error),
        "per sd": lambda e: _significant(e.standardized),
    }
    cells = {head: [text(e) for e in entries.values()] for head, text in columns.items()}
    shown = {head: texts for head, texts in cells.items() if head == "value" or any(texts)}
    rows = [[name, *(texts[i] for texts in shown.values())] for i, name in enumerate(entries)]
    return ["coefficient", *shown], rows


def _significant(value: float | None) -> str:
    return "" if value is None or not math.isfinite(value) else f"{value:#.{DIGITS}g}".rstrip(".")


def _to_place(value: float | None, error: float | None) -> str:
    """A number to the last place of its standard error as it is shown; without one in 8 digits."""
    if value is None or not math.isfinite(value):
        return ""
    if error is None:
        return f"{value:.8g}"
    if not error > 0:
        return f"{value:.6g}"
    place = DIGITS - 1 - math.floor(math.log10(error))
    text = f"{value:.{max(place, 0)}f}" if place <= LONGEST else ""
    return text if text and len(text) <= LONGEST else f"{value:.5g}"


def _statistic(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.2f}" if abs(value) < 1e4 else f"{value:.3g}"


def p_text(p: float | None) -> str:
    """A p-value in four decimals, a small one in two digits, and none below what rounding leaves of most."""
    if p is None or not math.isfinite(p):
        return ""
    if p < SMALL:
        return f"<{SMALL:g}"
    return f"{p:.4f}" if p >= 1e-4 else f"{p:.1e}"


def as_a_whole(report: FitLinearReport) -> list[str]:
    """Lines below the table of coefficients: how they were tested, and the fit as a whole."""
    found = report.summary
    if found is None:
        return []
    lines = [f"coefficients: {found.classes.modeled}"] if found.classes else []
    if how := found.inference:
        other = how.df is not None and how.df != found.df_residual
        free = f" with {how.df:,.0f} degrees of freedom" if other else ""
        lines.append(f"{how.statistic}-tests{free}, {100 * how.confidence:.6g}% intervals; {_kind(how)}")
    lines.append(_sizes(report, found))
    lines += _of_loss(report, found)
    if report.aliased:
        lines.append(f"aliased, as they depend on other columns: {', '.join(report.aliased)}")
    if report.smearing is not None:
        lines.append(
            f"predictions are exp of what {report.target} is fitted as, times {report.smearing:.6g}: the mean of "
            "exp(residual), Duan's smearing"
        )
    if report.residual_sd is not None:
        lines.append(f"residual standard error {report.residual_sd:.6g}{_r2(report, found)}")
    if found.test is not None:
        lines.append(_test(found.test))
    elif found.inference is not None and found.inference.clusters is not None and found.rank > 1:
        lines.append("no test of all slopes: there are too few clusters")
    return [*lines, *_likelihood(found.likelihood), *_residuals(found.residuals)]


def _of_loss(report: FitLinearReport, found: Summary) -> list[str]:
    """What a loss has beside its coefficients."""
    if report.family is not None:
        return _of_family(report, report.family, found)
    return [] if report.huber is None else [_of_huber(report.huber)]


def _of_family(report: FitLinearReport, family: FamilyEntry, found: Summary) -> list[str]:
    """The family, its dispersion, and where counts vary otherwise than the standard errors suppose."""
    text = f"{report.loss}, {family.link} link, variance {family.variance}"
    if family.alpha_std_error is not None:
        text += f" (alpha {family.alpha:.6g} estimated, standard error {_significant(family.alpha_std_error)})"
    likelihood = found.likelihood
    if likelihood is None or likelihood.pearson is None or found.df_residual == 0:
        return [text]
    lines, ratio = [f"{text}; Pearson chi2 {likelihood.pearson:.6g}"], likelihood.pearson / found.df_residual
    if report.loss in ("gamma", "tweedie"):
        lines[0] += f", dispersion {likelihood.dispersion:.6g}"
    far = abs(ratio - 1) > math.sqrt(2 / found.df_residual) * CERTAIN and not 1 / CLOSE_TO_1 < ratio < CLOSE_TO_1
    if report.loss == "poisson" and far and found.inference is not None and found.inference.covariance == "classical":
        small, more = ("small", "more") if ratio > 1 else ("large", "less")
        other = "--loss negative-binomial, " if ratio > 1 else ""
        lines.append(
            f"Pearson chi2 by degrees of freedom is {ratio:.4g}, not 1: counts vary {more} than Poisson's, and these "
            f"standard errors are too {small}; use {other}--loss tweedie:1 (quasi-Poisson) or --robust HC1"
        )
    return lines


def _of_huber(found: HuberEntry) -> str:
    """The threshold, where it comes from, and how many rows are beyond it."""
    times = "" if found.delta is None else f", {found.delta:g} times it"
    beyond = int(found.rows_beyond) if float(found.rows_beyond).is_integer() else found.rows_beyond
    one = beyond == 1
    return (
        f"robust scale of the residuals {found.scale:.6g}; threshold {found.threshold:.6g}{times}: "
        f"{beyond:,} {'row' if one else 'rows'} beyond it {'counts' if one else 'count'} less"
    )


def _kind(how: Inference) -> str:
    if how.cluster is not None:
        return f"standard errors by {how.clusters:,} clusters of {how.cluster}"
    if how.covariance == "nid":
        return "standard errors by the density of each row at its quantile (Hendricks and Koenker)"
    if how.covariance == "H1":
        return "Huber's standard errors (H1)"
    return f"{how.covariance} standard errors"


def _sizes(report: FitLinearReport, found: Summary) -> str:
    """Rows, rank, degrees of freedom, and the levels of texts."""
    width = len(report.coefficients)
    rank = f", rank {found.rank:,} of {width:,}" if found.rank < width else ""
    text = f"{found.rows:,} rows{rank}, {found.df_residual:,} residual degrees of freedom"
    if found.levels:
        text += f"; levels: {', '.join(f'{name} {count}' for name, count in found.levels.items())}"
    return text


def _r2(report: FitLinearReport, found: Summary) -> str:
    if report.r2 is None or not math.isfinite(report.r2):
        return ""
    adjusted = f", adjusted {found.r2_adjusted:.6g}" if found.r2_adjusted is not None else ""
    return f"; R2{' (uncentered)' if report.r2_uncentered else ''} {report.r2:.6g}{adjusted}"


def _test(test: OverallTest) -> str:
    p = p_text(test.p)
    p = f"p < {p[1:]}" if p.startswith("<") else f"p = {p}"
    if test.df_residual is not None:
        return f"{test.kind} test of all slopes: F({test.df:,}, {test.df_residual:,.0f}) = {test.value:.5g}, {p}"
    return f"{test.kind} test of all slopes: chi2({test.df:,}) = {test.value:.5g}, {p}"


def _residuals(found: Residuals | None) -> list[str]:
    """Quantiles, as R shows them, and the tests of normality and order that statsmodels shows."""
    if found is None:
        return []
    each = {"min": found.min, "1Q": found.q1, "median": found.median, "3Q": found.q3, "max": found.max}
    drawn = f" (quartiles of {found.sampled:,} rows drawn)" if found.sampled else ""
    shape = f"skewness {found.skewness:.4g}, kurtosis {found.kurtosis:.4g}"
    normal = f"Jarque-Bera {found.jarque_bera:.5g}, p {_tail(found.jarque_bera_p)}"
    if found.omnibus is not None and found.omnibus_p is not None:
        normal += f"; omnibus {found.omnibus:.5g}, p {_tail(found.omnibus_p)}"
    return [
        f"residuals: {', '.join(f'{name} {value:.4g}' for name, value in each.items())}{drawn}",
        f"residuals: {shape}; {normal}; Durbin-Watson {found.durbin_watson:.4g}, by order of rows",
    ]


def _tail(p: float) -> str:
    return p_text(p).replace("<", "< ")


def _likelihood(found: Likelihood | None) -> list[str]:
    if found is None:
        return []
    return [
        f"log-likelihood {found.log_likelihood:.7g}, AIC {found.aic:.7g}, BIC {found.bic:.7g}, "
        f"deviance {found.deviance:.6g}"
    ]
