"""Vowpal Wabbit's lines: ``label [importance [initial]] [tag]|namespace[:scale] feature[:value] ... |...``."""

import math

import numpy as np

from dlcli.errors import DlcliError
from dlcli.tables.readers.sparse import SparseFormat, SparseRows
from dlcli.text import printable

EXPECTED = "a row is: label |namespace feature:value feature:value ..."


class VowpalLines(SparseFormat):
    """A column is called namespace^feature, or feature where there is no namespace, as Vowpal Wabbit's audits say it.

    A word without a value counts 1.
    """

    def __init__(self, label: str, encoding: str | None) -> None:
        self._where, self._encoding = label, encoding or "utf-8"
        self._codes: dict[str, int] = {}

    def names(self) -> list[str]:
        """In the order in which they occur."""
        return list(self._codes)

    def code(self, name: str) -> int:
        """Its place in that order."""
        return self._codes.get(name, -1)

    def can_have(self, name: str) -> bool:
        """Whatever has no blanks."""
        return name == "".join(name.split())

    def parse(self, block: bytes, first_row: int) -> SparseRows:
        """Line by line."""
        try:
            lines = block.decode(self._encoding).removeprefix("\ufeff").split("\n")
        except UnicodeError:
            message = f"{self._where}: rows from {first_row} on are not {self._encoding} text"
            raise DlcliError(message, "give their encoding, for example --encoding latin-1") from None
        labels: list[float] = []
        rows: list[int] = []
        codes: list[int] = []
        values: list[float] = []
        for line in lines:
            if not line.strip():
                continue
            where = f"{self._where}: row {first_row + len(labels)}"
            before, bar, after = line.partition("|")
            if not bar:
                raise DlcliError(f"{where} has no |", EXPECTED)
            label = _label(before, where)
            for part in after.split("|"):
                self._features(part, where, codes, values)
            rows.extend([len(labels)] * (len(codes) - len(rows)))
            labels.append(label)
        return SparseRows(
            np.array(labels, dtype=np.float64), np.array(rows, dtype=np.int64), np.array(codes, dtype=np.int64),
            np.array(values, dtype=np.float64),
        )  # fmt: skip

    def _features(self, part: str, where: str, codes: list[int], values: list[float]) -> None:
        """Add the features of one namespace."""
        words = part.split()
        prefix, scale = "", 1.0
        if words and not part[0].isspace():
            space, colon, size = words.pop(0).partition(":")
            prefix = f"{space}^" if space else ""
            scale = _number(size, where) if colon else 1.0
        for word in words:
            name, colon, value = word.rpartition(":")
            if not colon:
                name, value = word, "1"
            if not name:
                raise DlcliError(f"{where}: '{printable(word)}' has no name before its value", EXPECTED)
            codes.append(self._codes.setdefault(prefix + name, len(self._codes)))
            values.append(scale * _number(value, where))


def _label(text: str, where: str) -> float:
    """The label of a row, nan if it has none. Raises DlcliError for a weight, and for labels of other problems."""
    words = text.split()
    if words and (not text[-1].isspace() or words[-1].startswith("'")):
        tag = words.pop()
        if not words and _is_number(tag):
            message = f"{where}: '{printable(tag)}' touches the | after it, so it is the row's tag and not its label"
            raise DlcliError(message, "put a blank between them")
    if len(words) > 3 or any(":" in word for word in words):
        message = f"{where}: '{printable(text.strip())}' is no label of a regression or a classification"
        raise DlcliError(message, EXPECTED)
    numbers = [_number(word, where) for word in words]
    if len(numbers) > 1 and numbers[1] != 1:
        message = f"{where} has the importance weight {words[1]}, and rows can't be weighted"
        raise DlcliError(message, "leave the weights out: a label alone before the |")
    if len(numbers) > 2 and numbers[2] != 0:
        message = f"{where} has the initial prediction {words[2]}, which dlcli has no use for"
        raise DlcliError(message, "leave it out: a label alone before the |")
    return numbers[0] if numbers else math.nan


def _number(text: str, where: str) -> float:
    if not _is_number(text):
        raise DlcliError(f"{where}: '{printable(text)}' is not a number", EXPECTED)
    return float(text)


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text)) and "_" not in text
    except ValueError:
        return False
