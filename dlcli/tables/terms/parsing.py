"""From the text of an expression to what it says, by Python's own parser, whose tree is checked node by node."""

import ast
import math
import re

from dlcli.tables.terms.expressions import (
    ALLOWED,
    BASES,
    FUNCTIONS,
    MISSING,
    SCALES,
    Call,
    Expression,
    Levels,
    Name,
    Node,
    Number,
    Operation,
    Setting,
    refused,
    walk,
)
from dlcli.text import printable

CONTRASTS = {"Treatment": "treatment", "Sum": "sum", "contr.treatment": "treatment", "contr.sum": "sum"}
ARITHMETIC = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**"}
MOST_CHARACTERS, MOST_DEPTH = 2_000, 40
HIGHEST_POWER = 100.0
HIGHEST_DEGREE = 25


def parse(text: str) -> Expression:
    """The expression of a text, in which a name in backticks is a column's. Raises DlcliError for all else."""
    if len(text) > MOST_CHARACTERS:
        raise refused(text[:40] + "...", f"it has more than {MOST_CHARACTERS:,} characters")
    quoted: dict[str, str] = {}

    def placeholder(found: re.Match[str]) -> str:
        name = f"_quoted_{len(quoted)}_"
        while name in text:
            name += "_"
        quoted[name] = found[1]
        return name

    plain = re.sub(r"`([^`]*)`", placeholder, text)
    try:
        tree = ast.parse(plain, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise refused(text, "it can't be read", "write it as in log(x) or I(x + 1)") from None
    return _Parser(text, quoted).expression(tree)


class _Parser:
    """Makes an expression of a tree, in which ``quoted`` names stand for columns. Raises DlcliError."""

    def __init__(self, text: str, quoted: dict[str, str]) -> None:
        self._text, self._quoted = text, quoted
        self._depth = 0

    def expression(self, tree: ast.expr) -> Expression:
        if isinstance(tree, ast.Call) and self._called(tree) == "C":
            return self._levels(tree)
        if isinstance(tree, ast.Call) and self._called(tree) in BASES:
            return self._basis(tree)
        return self._node(tree)

    def _node(self, tree: ast.expr) -> Node:
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise refused(self._text, "it is nested too deeply", "write it in fewer steps")
        try:
            return self._inner(tree)
        finally:
            self._depth -= 1

    def _inner(self, tree: ast.expr) -> Node:
        if isinstance(tree, ast.Constant):
            return Number(self._number(tree))
        if isinstance(tree, ast.Name | ast.Attribute):
            return Name(self._column(tree))
        if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub | ast.UAdd):
            inner = self._node(tree.operand)
            return inner if isinstance(tree.op, ast.UAdd) else Operation("-", Number(0.0), inner)
        if isinstance(tree, ast.BinOp) and type(tree.op) in ARITHMETIC:
            left, right = self._node(tree.left), self._node(tree.right)
            if isinstance(tree.op, ast.Pow) and not _is_power(right):
                raise refused(self._text, "a power must be a number of at most 100", "write it as in I(x ** 2)")
            return Operation(ARITHMETIC[type(tree.op)], left, right)
        if isinstance(tree, ast.Call):
            return self._call(tree)
        raise refused(self._text, "only functions of columns and arithmetic are allowed")

    def _called(self, tree: ast.Call) -> str:
        """The name of a function; NumPy's under the names that it has there too."""
        name = _dotted(tree.func)
        if name is None or name in self._quoted:
            raise refused(self._text, "only functions by name can be called")
        bare = name.removeprefix("np.")
        return bare if bare in FUNCTIONS else name

    def _call(self, tree: ast.Call) -> Node:
        name = self._called(tree)
        if name not in ALLOWED:
            raise refused(self._text, f"the function {printable(name)} isn't allowed")
        if name in ("C", *BASES):
            raise refused(self._text, f"{name} can't be part of another function", "make it a term of its own")
        if len(tree.args) != 1 or tree.keywords:
            raise refused(self._text, f"{name} takes one argument", f"write it as in {name}(x)")
        inner = self._node(tree.args[0])
        if name == "I":
            return inner
        if name == MISSING and not isinstance(inner, Name):
            raise refused(self._text, "missing is of a column", "write it as in missing(x)")
        if name in SCALES and any(isinstance(node, Call) and node.function in SCALES for node in walk(inner)):
            raise refused(self._text, f"{name} can't be of what is learned from rows itself", "leave one of them out")
        return Call(name, inner, ast.unparse(tree) if name in SCALES else "")

    def _basis(self, tree: ast.Call) -> Call:
        name = self._called(tree)
        takes = {
            "poly": ("degree", "raw"),
            "bs": ("df", "knots", "degree", "include_intercept", "lower_bound", "upper_bound"),
            "cr": ("df", "knots", "lower_bound", "upper_bound", "constraints"),
            "ns": ("df", "knots", "lower_bound", "upper_bound"),
        }[name]
        if not tree.args or len(tree.args) > len(takes) + 1:
            raise refused(self._text, f"{name} takes a column and settings", f"write it as in {name}(x, 5)")
        given: dict[str, Setting] = {}
        pairs = [*zip(takes, tree.args[1:], strict=False), *((word.arg or "", word.value) for word in tree.keywords)]
        for key, value in pairs:
            if key not in takes or key in given:
                raise refused(self._text, f"{name} has no setting {printable(key)}", f"it has {', '.join(takes)}")
            given[key] = self._setting(value)
        inner = self._node(tree.args[0])
        if any(isinstance(node, Call) and node.function in SCALES for node in walk(inner)):
            raise refused(self._text, f"{name} can't be of what is learned from rows itself", f"give {name} the column")
        _check_settings(self._text, name, given)
        return Call(name, inner, self._text, tuple(sorted(given.items())))

    def _setting(self, tree: ast.expr) -> Setting:
        if isinstance(tree, ast.List | ast.Tuple):
            return tuple(self._signed(item) for item in tree.elts)
        if isinstance(tree, ast.Constant) and isinstance(tree.value, bool | str):
            return tree.value
        return self._signed(tree)

    def _signed(self, tree: ast.expr) -> float:
        if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
            return -self._number(tree.operand)
        return self._number(tree)

    def _number(self, tree: ast.expr) -> float:
        value = tree.value if isinstance(tree, ast.Constant) else None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise refused(self._text, "a number is expected there", "write it as in 2 or 0.5")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise refused(self._text, "a number is beyond float64", "write a smaller one")
        return number

    def _column(self, tree: ast.expr) -> str:
        """The column of a name; a name with dots is one, never an attribute."""
        name = _dotted(tree)
        if name is None:
            raise refused(self._text, "only names of columns are allowed", "put an odd name in backticks: `my column`")
        return self._quoted.get(name, name)

    def _levels(self, tree: ast.Call) -> Levels:
        hint = "write it as in C(x), C(x, Treatment('level')) or C(x, Sum)"
        if not 1 <= len(tree.args) <= 2 or tree.keywords:
            raise refused(self._text, "C takes a column and a contrast", hint)
        column = self._column(tree.args[0])
        if len(tree.args) == 1:
            return Levels(column)
        contrast, reference = tree.args[1], None
        if isinstance(contrast, ast.Call):
            words = [*contrast.args, *(word.value for word in contrast.keywords if word.arg in ("base", "reference"))]
            given = words[0] if len(words) == 1 else None
            if len(contrast.args) + len(contrast.keywords) > 1 or (given is not None and len(words) != 1):
                raise refused(self._text, "a contrast takes one reference level", hint)
            if given is not None:
                if not isinstance(given, ast.Constant) or not isinstance(given.value, str | int | float):
                    raise refused(self._text, "a reference level is a text or a number", hint)
                reference = _as_level(given.value)
            contrast = contrast.func
        kind = CONTRASTS.get(_dotted(contrast) or "")
        if kind is None or (kind == "sum" and reference is not None):
            raise refused(self._text, "the contrast isn't known", hint)
        return Levels(column, kind, reference)


def _as_level(value: object) -> str:
    number = isinstance(value, float) and value.is_integer()
    return str(int(value)) if number and isinstance(value, float) else str(value)


def _dotted(tree: ast.expr) -> str | None:
    """A name, or names joined by dots; None for anything else."""
    parts: list[str] = []
    while isinstance(tree, ast.Attribute):
        parts.append(tree.attr)
        tree = tree.value
    if not isinstance(tree, ast.Name):
        return None
    return ".".join([tree.id, *reversed(parts)])


def _is_power(node: Node) -> bool:
    if isinstance(node, Operation) and node.symbol == "-" and node.left == Number(0.0):
        node = node.right
    return isinstance(node, Number) and abs(node.value) <= HIGHEST_POWER


def _check_settings(text: str, name: str, given: dict[str, Setting]) -> None:
    """Raise DlcliError for settings of a basis that are none."""
    whole = {key: given[key] for key in ("degree", "df") if key in given}
    for key, value in whole.items():
        if isinstance(value, bool) or not isinstance(value, float) or not value.is_integer() or value < 1:
            raise refused(text, f"{key} must be a whole number from 1 on", f"write it as in {name}(x, 5)")
        if value > (HIGHEST_DEGREE if key == "degree" else 1000):
            raise refused(text, f"{key} is at most {HIGHEST_DEGREE if key == 'degree' else 1000}", "give a lower one")
    flags = {key: given[key] for key in ("raw", "include_intercept") if key in given}
    bounds = {key: given[key] for key in ("lower_bound", "upper_bound") if key in given}
    wrong: list[str] = [key for key, value in flags.items() if not isinstance(value, bool)]
    wrong += [key for key, value in bounds.items() if isinstance(value, bool) or not isinstance(value, float)]
    if not isinstance(given.get("knots", ()), tuple):
        wrong.append("knots")
    if given.get("constraints", "center") != "center":
        wrong.append("constraints")
    if wrong:
        raise refused(text, f"{wrong[0]} has a value that it can't have", "numbers, True or False; knots=[1, 2]")
    if name != "poly" and "df" in given and "knots" in given:
        raise refused(text, "df and knots each say where the knots are", "give one of them")
    if name in ("cr", "ns") and "df" not in given and "knots" not in given:
        raise refused(text, f"{name} needs its degrees of freedom or its knots", f"write it as in {name}(x, 5)")
