"""Formulas that are refused: what they can't say, and what would run code elsewhere."""

import sys
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcli.errors import DlcliError
from dlcli.tables.terms.expressions import columns_of
from dlcli.tables.terms.formula import parse_formula
from dlcli.tables.terms.parsing import parse

HOSTILE = [
    "y ~ __import__('os').system('touch hacked')",
    "y ~ log(__import__('os').system('touch hacked'))",
    "y ~ I(__import__('os').system('touch hacked'))",
    "y ~ {__import__('os').system('touch hacked')}",
    "y ~ {open('hacked', 'w')}",
    "y ~ I(open('hacked', 'w'))",
    "y ~ open('hacked', 'w')",
    "y ~ exec(\"open('hacked', 'w')\")",
    "y ~ eval('1')",
    "y ~ x.__class__.__bases__[0].__subclasses__()",
    "y ~ log(x).__class__",
    "y ~ x.tofile('hacked')",
    "y ~ np.fromfile('secret')",
    "y ~ np.save('hacked', x)",
    "y ~ log(*x)",
    "y ~ log(x, out=y)",
    "y ~ I([z for z in x])",
    "y ~ I((lambda: 1)())",
    "y ~ I(x if x else y)",
    "y ~ I(x := 3)",
    "y ~ I(f'{x}')",
    "y ~ I(x[0])",
    "y ~ x[0]",
    "y ~ I(not x)",
    "y ~ I(x and z)",
    "y ~ I(x > 3)",
    "y ~ I(x @ z)",
    "y ~ I(x ** z)",
    "y ~ I(x ** 10 ** 9)",
    "y ~ I(9 ** 9 ** 9 ** 9)",
    "y ~ I(x ** 1e300)",
    "y ~ I(x << 100000000000)",
    "y ~ I('a' * 10 ** 10)",
    "y ~ I(" + "9" * 5000 + ")",
    "y ~ I(1e999 * x)",
    "y ~ I(" + "-" * 3000 + "x)",
    "y ~ I(" + "(" * 60 + "x" + ")" * 60 + ")",
    "y ~ I(" + " + ".join(["x"] * 500) + ")",
    "y ~ " + "(" * 200 + "x" + ")" * 200,
    "y ~ (a + b + c) ** 99999999999",
    "y ~ (a + b + c + d + e + f + g) ** 10",
    "y ~ " + "*".join(f"a{i}" for i in range(64)),
    "y ~ poly(x, 10 ** 9)",
    "y ~ poly(x, 1000000000)",
    "y ~ bs(x, 1000000000)",
    "y ~ bs(x, degree=-1)",
    "y ~ bs(x, df=5, knots=[1])",
    "y ~ bs(x, knots=(z for z in x))",
    "y ~ cr(x)",
    "y ~ ns(x)",
    "y ~ cr(x, 5, constraints='sum')",
    "y ~ log(poly(x, 2))",
    "y ~ poly(center(x), 2)",
    "y ~ scale(center(x))",
    "y ~ C(x, __import__('os'))",
    "y ~ C(x, Treatment(open('hacked', 'w')))",
    "y ~ C(log(x), Sum)",
    "y ~ lag(x, 1)",
    "y ~ hashed(x)",
    "y ~ Q('x')",
    "y ~ .",
    "y ~ . - x",
    "y ~ x + (.)",
    "y ~ y",
    "y ~ log(y) + x",
    "log(y) ~ I(y + x)",
    "y + z ~ x",
    "y*z ~ x",
    "exp(y) ~ x",
    "log(log(y)) ~ x",
    "log(y + 1) ~ x",
    "1 ~ x",
    "~ x",
    "x",
    "",
    "y ~",
    "y ~ 1",
    "y ~ 0",
    "y ~ x - x",
    "y ~ 2:x",
    "y ~ 'x'",
    "y ~ x ~ z",
    "y ~ a | b",
    "[y ~ x]",
    "y ~ (x",
    "y ~ x)",
    "y ~ x +",
    "y ~ log(",
    "y ~ log()",
    "y ~ \0",
    "y ~ \x1b[31mx(1)",
    "y ~ `x",
    "y ~ " + "x" * 30_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:40].encode("unicode_escape").decode())
def test_what_a_formula_can_not_say_is_refused_in_one_line(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DlcliError) as caught:
        parse_formula(text)
    shown = f"{caught.value}"
    assert "\n" not in shown
    assert shown.isprintable()
    assert len(shown) < 400
    assert caught.value.hint
    assert not list(tmp_path.iterdir())


def test_odd_names_in_backticks_are_names_and_nothing_else():
    formula = parse_formula("y ~ `__import__('os').system('touch hacked')` + log(`a - b`):`C(x)`")
    assert formula.columns == ("__import__('os').system('touch hacked')", "a - b", "C(x)")


def test_dotted_names_are_names_of_columns_and_never_attributes():
    assert parse_formula("y ~ x.__class__ + log(Sepal.Length)").columns == ("x.__class__", "Sepal.Length")


PIECES = ["x", "z", "log(", "I(", ")", "+", "*", "**", ":", "-", "~", "2", "`", "'", "{", "}", "[", "]", ".", ",", "(",
          "poly(", "__import__", "lambda", " ", "C(", "bs(", "\\", "@", "|", "%in%", "=", "\n", "0", "1e9"]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=14))
def test_any_text_is_a_formula_or_refused(pieces):
    try:
        formula = parse_formula("y ~ " + "".join(pieces))
    except DlcliError:
        return
    assert formula.terms
    assert {name for term in formula.terms for name in term} <= set(formula.factors)


@given(st.text(max_size=40))
def test_any_text_is_an_expression_or_refused(text):
    with suppress(DlcliError):
        assert columns_of(parse(text)) is not None


def test_without_the_package_one_line_names_what_to_install(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "formulaic"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "formulaic", None)
    with pytest.raises(DlcliError) as caught:
        parse_formula("y ~ x")
    assert caught.value.hint == "pip install 'dlcli[formula]'"
