"""The text of a formula as terms, by formulaic's parser.

Of formulaic only the parser is used. What it parses is checked before anything is made of it, and then made here:
formulaic evaluates terms as Python with all of NumPy at hand, on a whole table of pandas at a time, and learns from
every row that it is given, those held out too.
"""

import re
from typing import Any

from dlcli.errors import DlcliError
from dlcli.tables.terms.expressions import Call, Name
from dlcli.tables.terms.parsing import parse
from dlcli.tables.terms.wanted import Factor, Formula
from dlcli.text import printable

INSTALL = "pip install 'dlcli[formula]'"
MOST_CHARACTERS, MOST_DEPTH = 20_000, 40
MOST_TERMS = 2_000
HIGHEST_POWER = 10
EXAMPLE = "write it as in 'price ~ log(carat) + cut*clarity'"


def parse_formula(text: str) -> Formula:
    """The formula of a text. Raises DlcliError for one that can't be read, and for what it can't say."""
    _check_text(text)
    try:
        from formulaic.errors import FormulaicError
        from formulaic.parser import DefaultFormulaParser
    except ImportError:
        raise DlcliError("--formula needs the package formulaic", INSTALL) from None
    parser = DefaultFormulaParser(feature_flags={"twosided"})
    try:
        tree = parser.get_ast(text, context={})
        if _count(tree) > MOST_TERMS:
            raise _wrong(text, f"it makes more than {MOST_TERMS:,} terms", "leave out some interactions")
        sides: Any = parser.get_terms_from_ast(tree, context={})
    except (FormulaicError, RecursionError, SyntaxError, ValueError, StopIteration) as error:
        reason = re.sub(r"\s+", " ", str(error).partition("\n")[0]).strip() or "it can't be read"
        raise _wrong(text, printable(reason[:1].lower() + reason[1:].rstrip(".")), EXAMPLE) from None
    if not hasattr(sides, "lhs"):
        raise _wrong(text, "it has no target", EXAMPLE)
    target, log_target = _target(text, list(sides.lhs))
    factors: dict[str, Factor] = {}
    # By how many factors they have, as formulaic and R have them.
    terms = sorted((_term(text, term.factors, factors) for term in sides.rhs), key=len)
    found = Formula(text, target, log_target, () in terms, tuple(term for term in terms if term), factors)
    if not found.terms:
        raise _wrong(text, "it has no term of a column", EXAMPLE)
    if target in found.columns:
        raise _wrong(text, f"the target '{printable(target)}' is on both sides", "leave it out on the right")
    return found


def _wrong(text: str, reason: str, hint: str) -> DlcliError:
    shown = text if len(text) <= 80 else text[:77] + "..."
    return DlcliError(f"--formula '{printable(shown)}': {reason}", hint)


def _check_text(text: str) -> None:
    """Raise DlcliError for what is refused unread."""
    if len(text) > MOST_CHARACTERS:
        raise _wrong(text, f"it has more than {MOST_CHARACTERS:,} characters", "leave out some terms")
    plain = re.sub(r"`[^`]*`|'[^']*'|\"[^\"]*\"", "", text)
    if "{" in plain or "}" in plain:
        raise _wrong(text, "code in braces isn't allowed", "write arithmetic as in I(x + 1)")
    depth = deepest = 0
    for character in plain:
        depth += (character in "([") - (character in ")]")
        deepest = max(deepest, depth)
    if deepest > MOST_DEPTH:
        raise _wrong(text, "it is nested too deeply", "write it with fewer parentheses")
    if re.search(r"(?<![\w.)\]])\.(?![\w.])", plain):
        raise _wrong(
            text, "'.' for all other columns isn't known", "name the columns, or leave --formula out: all are used"
        )


def _count(tree: Any) -> int:
    """At most how many terms an expression makes; nothing is made of them."""
    total = 0
    while hasattr(tree, "operator") and tree.operator.symbol in ("+", "-") and len(tuple(tree.args)) == 2:
        tree, right = tree.args  # a long sum is no deep recursion
        total += _count(right)
    if tree is None or not hasattr(tree, "operator"):
        return min(total + 1, MOST_TERMS + 1)
    if total:
        return min(total + _count(tree), MOST_TERMS + 1)
    arguments = list(tree.args)
    symbol = tree.operator.symbol
    if symbol in ("**", "^"):
        exponent = str(getattr(arguments[1], "token", ""))
        if not exponent.isdecimal() or not 1 <= int(exponent[:6]) <= HIGHEST_POWER:
            raise ValueError(f"A power of terms must be a whole number from 1 to {HIGHEST_POWER}")
        # Products of the same factors are one, but are made before that is known.
        return int(min(_count(arguments[0]) ** int(exponent), MOST_TERMS + 1))
    counts = [_count(one) for one in arguments]
    if symbol == "~" or symbol in ("+", "-"):
        return min(sum(counts), MOST_TERMS + 1)
    product: int = 1
    for count in counts:
        product *= count
    return min(product + (sum(counts) if symbol != ":" else 0), MOST_TERMS + 1)


def _term(text: str, given: Any, factors: dict[str, Factor]) -> tuple[str, ...]:
    """The names of a term's factors, () of the intercept; the factors are added to those known."""
    names: list[str] = []
    for one in given:
        method, name = one.eval_method.value, str(one.expr)
        if method == "literal":
            if name != "1":
                raise _wrong(text, f"the number {printable(name)} is no term", "write it as in I(2 * x)")
            continue
        factor = Factor(name, Name(name) if method == "lookup" else parse(name))
        if factors.setdefault(name, factor) != factor:
            raise _wrong(text, f"{printable(name)} is a column and a function", "rename the column")
        names.append(name)
    return tuple(names)


def _target(text: str, given: list[Any]) -> tuple[str, bool]:
    """The target, and whether its logarithm is meant."""
    if len(given) != 1 or len(given[0].factors) != 1:
        raise _wrong(text, "it has several targets", EXAMPLE)
    one = given[0].factors[0]
    if one.eval_method.value == "lookup":
        return str(one.expr), False
    node = parse(str(one.expr)) if one.eval_method.value == "python" else None
    if isinstance(node, Call) and node.function == "log" and isinstance(node.argument, Name):
        return node.argument.column, True
    raise _wrong(text, f"the target must be a column or its log, not {printable(str(one.expr))}", EXAMPLE)
