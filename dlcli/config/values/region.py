"""What the text of --region stands for."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Region:
    """A rectangle of an image in pixels: its left and upper edge from 0, its width and height."""

    x: int
    y: int
    width: int
    height: int

    @classmethod
    def parse(cls, text: str) -> "Region":
        """The region of a text x,y,w,h. Raises ValueError for another one.

        >>> Region.parse("10,20,8,8")
        Region(x=10, y=20, width=8, height=8)
        """
        expected = "expected x,y,w,h in pixels, such as 10,20,8,8: left and upper edge from 0, width and height from 1"
        parts = text.split(",")
        if len(parts) != 4 or not all(part.strip().isdecimal() for part in parts):
            raise ValueError(expected)
        x, y, width, height = map(int, parts)
        if width < 1 or height < 1:
            raise ValueError(expected)
        return cls(x, y, width, height)

    def __str__(self) -> str:
        return f"{self.x},{self.y},{self.width},{self.height}"
