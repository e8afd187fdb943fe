"""How strongly JPEG compresses: a quality of libjpeg's scale, or a range of them."""

from dataclasses import dataclass

BEST = 100


@dataclass(frozen=True)
class QualityRange:
    """Qualities from ``low`` to ``high``, 1 to 100; 100 keeps the most."""

    low: int
    high: int

    @classmethod
    def parse(cls, text: str) -> "QualityRange":
        """A whole number, or LOW:HIGH. Raises ValueError for others.

        >>> QualityRange.parse("10:90"), QualityRange.parse("10")
        (QualityRange(low=10, high=90), QualityRange(low=10, high=10))
        """
        first, colon, second = text.partition(":")
        ends = [first, second] if colon else [first, first]
        if not all(end.strip().isascii() and end.strip().isdigit() for end in ends):
            raise ValueError(f"expected a whole number from 1 to {BEST}, or LOW:HIGH such as 10:90")
        low, high = (int(end) for end in ends)
        if not 1 <= low <= high <= BEST:
            raise ValueError(f"expected LOW:HIGH with 1 <= LOW <= HIGH <= {BEST}" if colon else f"expected 1 to {BEST}")
        return cls(low, high)

    def __str__(self) -> str:
        return f"{self.low}" if self.low == self.high else f"{self.low} to {self.high}"
