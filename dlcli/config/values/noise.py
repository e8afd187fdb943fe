"""How much noise: on the data's own scale, or as a share of their range."""

import math
import re
from dataclasses import dataclass

FORMS = "expected a number such as 25, a share of the range such as 25/255 or 1.5%, or counts such as 12counts"
_AMOUNT = re.compile(r"\s*([^/%\s]+?)\s*(?:(%)|/\s*([^/%\s]+?)|(counts?))?\s*")


@dataclass(frozen=True)
class Amount:
    """A deviation of noise: ``value`` in the data's own units, or, with ``share``, of a range of 255."""

    value: float
    share: bool = False

    @classmethod
    def parse(cls, text: str) -> "Amount":
        """25, 25/255, 1.5% or 12counts. Raises ValueError for others."""
        found = _AMOUNT.fullmatch(text)
        try:
            number = float(found[1]) if found else math.nan
            whole = 100.0 if found and found[2] else float(found[3]) if found and found[3] else None
        except ValueError:
            raise ValueError(FORMS) from None
        if not math.isfinite(number) or (whole is not None and not 0 < whole < math.inf):
            raise ValueError(FORMS)
        if number < 0 or (whole is not None and number > whole):
            raise ValueError("expected 0 or more" + ("" if whole is None else ", and no more than the range"))
        return cls(number) if whole is None else cls(number * 255 / whole, True)

    def of_255(self, span: float | None) -> float:
        """On a scale on which the data's range is 255: it is ``span`` wide, None for 0 to 255."""
        return self.value if self.share or span is None else self.value / span * 255


def parse_range(text: str) -> tuple[Amount, Amount]:
    """An amount, or LOW:HIGH. Raises ValueError for others."""
    low, _, high = text.partition(":")
    amounts = Amount.parse(low), Amount.parse(high or low)
    if amounts[0].share == amounts[1].share and amounts[0].value > amounts[1].value:
        raise ValueError("expected LOW:HIGH with LOW <= HIGH")
    return amounts
