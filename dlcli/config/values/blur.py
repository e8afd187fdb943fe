"""Ranges of blurs, as text: for a network that isn't told how its images are blurred."""

import math
from dataclasses import dataclass
from typing import Literal

ANY = "any"
MOST = {"gaussian": 15.0, "motion": 125.0}  # pixels
LEAST = {"gaussian": 0.0, "motion": 1.0}
RANGES = "gaussian:LOW:HIGH, motion:LOW:HIGH:ANGLE, motion:LOW:HIGH:any or motion:LENGTH:any"


@dataclass(frozen=True)
class BlurRange:
    """Gaussians of deviations, or straight motions of lengths, from ``low`` to ``high`` pixels.

    ``angle`` of the motions is in degrees, None for any.
    """

    kind: Literal["gaussian", "motion"]
    low: float
    high: float
    angle: float | None = None

    @classmethod
    def parse(cls, text: str) -> "BlurRange | None":
        """The range that the text is; None for a single blur, and for what isn't one. Raises ValueError for a bad one.

        >>> BlurRange.parse("motion:5:25:any")
        BlurRange(kind='motion', low=5.0, high=25.0, angle=None)
        >>> BlurRange.parse("motion:5:25")  # a length and an angle
        """
        kind, *parts = text.split(":")
        if kind == "gaussian" and len(parts) == 2:
            return cls._of("gaussian", text, parts, None)
        if kind == "motion" and len(parts) in (2, 3) and (len(parts) == 3 or parts[1] == ANY):
            *lengths, angle = parts
            return cls._of("motion", text, lengths, None if angle == ANY else angle)
        return None

    @classmethod
    def _of(cls, kind: Literal["gaussian", "motion"], text: str, ends: list[str], angle: str | None) -> "BlurRange":
        try:
            low, high = (float(end) for end in (ends[0], ends[-1]))
            turned = None if angle is None else float(angle)
        except ValueError:
            raise ValueError(f"{text!r} is no range of blurs: expected {RANGES}") from None
        within = LEAST[kind] < low if kind == "gaussian" else LEAST[kind] <= low
        if not (within and low <= high <= MOST[kind]) or not math.isfinite(turned or 0.0):
            sizes = "above 0 and up to 15" if kind == "gaussian" else "from 1 to 125"
            raise ValueError(f"{text!r} is no range of blurs: expected LOW <= HIGH, in pixels, {sizes}")
        return cls(kind, low, high, turned)

    def holds(self, text: str) -> bool:
        """Whether the blur, or the range of blurs, that a text names is a part of this one."""
        other = BlurRange.parse(text)
        if other is None:
            kind, *parts = text.split(":")
            try:
                numbers = [float(part) for part in parts]
            except ValueError:
                return False
            if (kind, len(numbers)) not in (("gaussian", 1), ("motion", 2)):
                return False
            other = BlurRange("motion" if kind == "motion" else "gaussian", numbers[0], numbers[0], *numbers[1:])
        alike = self.angle is None or (other.angle is not None and (self.angle - other.angle) % 180 == 0)
        return other.kind == self.kind and self.low <= other.low and other.high <= self.high and alike
