"""Few images: a part of each is held out, instead of a large share of them whole."""

from collections.abc import Sequence
from dataclasses import dataclass

from dlcli.errors import DlcliError
from dlcli.images.image_set import Box
from dlcli.images.sources import Kin
from dlcli.networks.data.split import DIVISIBLE, GAP, LARGEST_SHARE, LEAST, SIDE, places_of, stacks_of
from dlcli.text import counted, printable_path

NAMED = 3  # parts that a line names


@dataclass(frozen=True)
class Parts:
    """What is held out of each image, and what trains of it, in the images' order.

    Between the two are ``GAP`` pixels, which are used for neither, so that no crop has a pixel of both, and what is
    measured is no continuation of what trains.
    """

    held: tuple[Box, ...]
    train: tuple[Box, ...]

    @property
    def whole(self) -> list[tuple[int, int]]:
        """Heights and widths of the images."""
        return [(box.top + box.height, box.left + box.width) for box in self.held]

    def note(self, names: Sequence[str]) -> str:
        """A line on what is held out of the images of these names."""
        return (
            f"{counted(len(self.held), 'image')}: validation takes {self.shown(names)}, with {GAP} pixels between that "
            "and what trains"
        )

    def shown(self, names: Sequence[str]) -> str:
        """What is held out, in words."""
        places = [
            f"{box.width} x {box.height} pixels at the {'bottom' if box.top else 'right'} of {printable_path(name)}"
            for box, name in zip(self.held[:NAMED], names, strict=False)
        ]
        more = len(self.held) - NAMED
        return ", ".join(places) + (f" and of {counted(more, 'other')}" if more > 0 else "")


def parts_of(
    shapes: Sequence[tuple[int, int]], names: Sequence[str], fraction: float, kin: Sequence[Kin | None] = ()
) -> Parts | None:
    """The parts of images of these heights and widths; None where whole ones (or the ends of stacks) are held out.

    Parts are held out where one image, or one stack, would be more than a quarter of all, and ``fraction`` asks for
    less than half of one. Raises DlcliError for a single image that is too small for it.
    """
    groups = stacks_of(kin) if any(kin) else [[number] for number in range(len(shapes))]
    if not fraction or len(groups) * LARGEST_SHARE >= 1:
        return None
    if len(groups) > 1 and round(len(groups) * fraction):
        return None
    if any(len(places_of(kin, group)) >= DIVISIBLE for group in groups if any(kin)):
        return None
    found = [_part(number, shape, fraction) for number, shape in enumerate(shapes)]
    parts = [pair for pair in found if pair is not None]
    if len(parts) == len(shapes):
        return Parts(tuple(held for held, _ in parts), tuple(train for _, train in parts))
    if len(groups) > 1:
        return None
    small = found.index(None)
    height, width = shapes[small]
    raise DlcliError(
        f"{printable_path(names[small])} is {width} x {height} pixels, too small to hold out --val {fraction:g} of it "
        f"({LEAST} pixels or more, {GAP} from the others) and to train on {LEAST} or more",
        "give a larger image, more images, or --val 0 to train without validation",
    )


def _part(number: int, shape: tuple[int, int], fraction: float) -> tuple[Box, Box] | None:
    """What is held out at the end of the longer side, and what trains; None where there is too little of either."""
    longer = max(shape)
    strip = max(round(fraction * longer), LEAST, min(SIDE, int(LARGEST_SHARE * longer)))
    rest = longer - strip - GAP
    if rest < LEAST or min(shape) < LEAST:
        return None
    height, width = shape
    if height >= width:
        return Box(number, height - strip, 0, strip, width), Box(number, 0, 0, rest, width)
    return Box(number, 0, width - strip, height, strip), Box(number, 0, 0, height, rest)
