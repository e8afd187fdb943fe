"""The text of a condition to comparisons joined by and, or, not: a grammar of its own, so that no text is ever run.

    condition  = both { ("or" | "|" | "||") both }
    both       = single { ("and" | "&" | "&&") single }
    single     = ("not" | "~" | "!") single | "(" condition ")" | column sign value
    sign       = "<" | "<=" | ">" | ">=" | "=" | "==" | "!=" | "<>"

Columns and values stand as they are, or in quotes ('...', "...", `...`) where they hold blanks or signs.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from dlcli.errors import DlcliError
from dlcli.text import printable

LONGEST = 2000  # characters
DEEPEST = 20  # parentheses and negations within each other
Sign = Literal["<", "<=", ">", ">=", "==", "!="]
SIGNS: dict[str, Sign] = {
    "<": "<", "<=": "<=", ">": ">", ">=": ">=", "=": "==", "==": "==", "!=": "!=", "<>": "!=",
}  # fmt: skip
JOINED = {
    **dict.fromkeys(("and", "&", "&&"), "and"), **dict.fromkeys(("or", "|", "||"), "or"),
    **dict.fromkeys(("not", "~", "!"), "not"),
}  # fmt: skip
TOKEN = re.compile(
    r"""\s*(?:(?P<sign><=|>=|==|!=|<>|[<>=])|(?P<bracket>[()])|(?P<join>&&|\|\||[&|~!])"""
    r"""|'(?P<single>[^']*)'|"(?P<double>[^"]*)"|`(?P<back>[^`]*)`|(?P<word>[^\s<>=!&|~()'"`]+))"""
)
EXAMPLE = "write it as in 'date>=2024-01-01 and (shop==north or not price<10)'"


@dataclass(frozen=True)
class Comparison:
    """A column, by name or position, compared with a value."""

    column: str
    sign: Sign
    value: str


@dataclass(frozen=True)
class Not:
    """What doesn't hold."""

    part: "Condition"


@dataclass(frozen=True)
class Joined:
    """Conditions of which all (``and``) or any (``or``) are to hold."""

    by: Literal["and", "or"]
    parts: tuple["Condition", ...]


Condition: TypeAlias = Comparison | Not | Joined


@dataclass(frozen=True)
class _Token:
    kind: Literal["sign", "bracket", "join", "text", "end"]
    text: str


def parsed(text: str, option: str) -> Condition:
    """The condition that the text of an ``option`` stands for. Raises DlcliError for anything but comparisons."""
    if len(text) > LONGEST:
        raise DlcliError(f"{option}: a condition of {len(text):,} characters, expected at most {LONGEST:,}", EXAMPLE)
    return _Parser(text, option).whole()


def comparisons(condition: Condition) -> Iterator[Comparison]:
    """Every comparison in a condition, from left to right."""
    if isinstance(condition, Comparison):
        yield condition
    elif isinstance(condition, Not):
        yield from comparisons(condition.part)
    else:
        for part in condition.parts:
            yield from comparisons(part)


class _Parser:
    """Goes through the tokens of a condition, each once."""

    def __init__(self, text: str, option: str) -> None:
        self._text, self._option = text, option
        self._tokens = list(self._read())
        self._at = 0

    def _read(self) -> Iterator[_Token]:
        at = 0
        while self._text[at:].strip():
            found = TOKEN.match(self._text, at)
            if found is None:
                rest = self._text[at:].strip()
                what = "a quotation mark that isn't closed" if rest[0] in "'\"`" else "a sign that has no meaning"
                raise self._error(f"{what}: {printable(rest[:20])}")
            at, kind = found.end(), str(found.lastgroup)
            text = found[kind]
            if kind == "word" and text.lower() in JOINED:
                yield _Token("join", JOINED[text.lower()])
            elif kind in ("single", "double", "back", "word"):
                yield _Token("text", text)
            else:
                yield _Token(kind, JOINED[text] if kind == "join" else text)  # type: ignore[arg-type]
        yield _Token("end", "")

    def _error(self, what: str) -> DlcliError:
        return DlcliError(f"{self._option} {printable(self._text)}: {what}", EXAMPLE)

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _take(self, kind: str, *texts: str) -> bool:
        """Go on if the next token is one of these."""
        fits = self._next.kind == kind and (not texts or self._next.text in texts)
        self._at += fits
        return fits

    def whole(self) -> Condition:
        """The condition."""
        found = self._joined("or", 0)
        if self._next.kind != "end":
            raise self._error(f"{self._seen()} stands where 'and' or 'or' was expected")
        return found

    def _seen(self) -> str:
        return f"'{printable(self._next.text)}'" if self._next.kind != "end" else "the end"

    def _joined(self, by: Literal["and", "or"], depth: int) -> Condition:
        parts = [self._joined("and", depth) if by == "or" else self._single(depth)]
        while self._take("join", by):
            parts.append(self._joined("and", depth) if by == "or" else self._single(depth))
        return parts[0] if len(parts) == 1 else Joined(by, tuple(parts))

    def _single(self, depth: int) -> Condition:
        if depth > DEEPEST:
            raise self._error(f"more than {DEEPEST} parentheses and negations within each other")
        if self._take("join", "not"):
            return Not(self._single(depth + 1))
        if self._take("bracket", "("):
            found = self._joined("or", depth + 1)
            if not self._take("bracket", ")"):
                raise self._error(f"{self._seen()} stands where ')' was expected")
            return found
        return self._comparison()

    def _comparison(self) -> Comparison:
        column = self._next.text
        if not self._take("text"):
            raise self._error(f"{self._seen()} stands where a column was expected")
        sign = SIGNS.get(self._next.text)
        if not self._take("sign") or sign is None:
            raise self._error(f"{self._seen()} stands where a comparison such as >= was expected")
        value = self._next.text
        if not self._take("text"):
            raise self._error(f"{self._seen()} stands where a value to compare {printable(column)} with was expected")
        return Comparison(column, sign, value)
