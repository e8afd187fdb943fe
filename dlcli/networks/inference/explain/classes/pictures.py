"""The pictures of an explanation of classes."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dlcli.images.image_set import ImageSet
from dlcli.networks.inference.explain.classes.by_class import ClassMaps
from dlcli.networks.inference.explain.classes.maps import DECONVNET, GRAD_CAM, INTEGRATED, Maps
from dlcli.networks.inference.explain.classes.selection import Case, Decisions
from dlcli.networks.tensors import squeeze_gray
from dlcli.reports.explain.base import Picture, Write

SHOWN = 40  # mistakes in the gallery
TITLES = {INTEGRATED: "integrated grad.", GRAD_CAM: "Grad-CAM", DECONVNET: "deconvnet"}
HEADINGS = {
    "right": "Right, and surest",
    "sure": "Surest",
    "mistake": "Mistakes, the surest ones: left for the class found, right for the true one",
    "unsure": "Least sure: left for the most probable class, right for the second",
}
ABOUT = {
    INTEGRATED: "Integrated gradients: vermilion pixels speak for the class, blue ones against it; they sum to how far "
    "the score is above that of the {baseline} baseline, and pixels that are as it is get nothing.",
    GRAD_CAM: "Grad-CAM: vermilion where the last convolution's features speak for the class, {side} x {side} places "
    "in all.",
    DECONVNET: "Deconvnet: what in the image the features that speak for the class answer to, light and dark about "
    "gray.",
}
OF_CLASSES = (
    "Each class: the mean of up to 8 images that are {right} taken for it, and of their maps; the deconvnet's pattern "
    "is of the class score alone, the same for every image."
)


@dataclass(frozen=True, eq=False)
class Explaining:
    """What the pictures are drawn from: images, what they are taken for, the cases that are shown, and their maps."""

    image_set: ImageSet
    decisions: Decisions
    cases: Sequence[Case]
    maps: Maps
    by_class: Sequence[ClassMaps]
    methods: Collection[str]
    baseline: str
    with_gallery: bool

    @property
    def mapped(self) -> list[str]:
        """The methods that make maps."""
        return [name for name in TITLES if name in self.methods]

    def pictures(self) -> list[tuple[Picture, Callable[[], bytes]]]:
        """Each picture, and what draws it."""
        found = list[tuple[Picture, Callable[[], bytes]]]()
        side = 0 if self.maps.grad_cam is None else self.maps.grad_cam.shape[1]
        if self.mapped:
            about = " ".join(ABOUT[name].format(baseline=self.baseline, side=side) for name in self.mapped)
            found.append((Picture(name="attributions", title="What decisions rest on", about=about), self._cases))
            if self.by_class:
                right = "rightly" if self.decisions.labels is not None else ""
                about = " ".join(OF_CLASSES.format(right=right).split())
                found.append((Picture(name="classes", title="What classes look like", about=about), self._classes))
        if self.with_gallery and self.decisions.mistakes():
            title = "The most confident mistakes"
            about = "What each is taken for, with the probability, and below it the true class."
            found.append((Picture(name="mistakes", title=title, about=about), self._mistakes))
        return found

    def draw(self, write: Write) -> None:
        """All of them."""
        for picture, drawn in self.pictures():
            write(picture.name, drawn(), "png")

    def _cases(self) -> bytes:
        from dlcli.reports.charts.explain.attributions import Section, Strip, attribution_sheet

        sections: dict[str, list[Strip]] = {}
        classes, labels = self.image_set.classes, self.decisions.labels
        for number, case in enumerate(self.cases):
            name = classes[case.explained]
            found = int(self.decisions.found[case.image])
            sure = float(np.exp(self.decisions.logs[case.image, case.explained]))
            truth = None if labels is None else classes[labels[case.image]]
            caption = f"{name} ({sure:.1%})" + ("" if truth in (None, name) else f", is {truth}")
            wrong = truth is not None and case.explained == found and truth != name
            picture = squeeze_gray(self.image_set.pixels(case.image))
            strip = Strip(picture, self._maps(number, picture), caption, self.image_set.names[case.image], wrong)
            sections.setdefault(case.chosen, []).append(strip)
        shown = [Section(HEADINGS[name], strips) for name, strips in sections.items()]
        return attribution_sheet(shown, ["image", *(TITLES[name] for name in self.mapped)])

    def _maps(self, number: int, picture: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
        from dlcli.reports.charts.explain.attributions import centered, overlaid, signed

        maps, drawn = self.maps, []
        if maps.integrated is not None:
            drawn.append(signed(maps.integrated.maps[number].sum(0).cpu().numpy()))
        if maps.enlarged is not None:
            drawn.append(overlaid(picture, maps.enlarged[number].cpu().numpy()))
        if maps.deconvnet is not None:
            drawn.append(centered(maps.deconvnet[number].permute(1, 2, 0).cpu().numpy()))
        return drawn

    def _classes(self) -> bytes:
        from dlcli.reports.charts.explain.attributions import (
            Section,
            Strip,
            attribution_sheet,
            centered,
            overlaid,
            signed,
        )

        strips = []
        for one in self.by_class:
            picture, drawn = squeeze_gray(one.picture), []
            if one.integrated is not None:
                drawn.append(signed(one.integrated))
            if one.grad_cam is not None:
                drawn.append(overlaid(picture, one.grad_cam))
            if one.pattern is not None:
                drawn.append(centered(one.pattern))
            strips.append(Strip(picture, drawn, one.name, f"mean of {one.images}"))
        titles = ["mean image", *(TITLES[name] for name in self.mapped)]
        return attribution_sheet([Section("What classes look like", strips)], titles)

    def _mistakes(self) -> bytes:
        from dlcli.reports.charts.sheets import class_sheet

        order, labels = self.decisions.mistakes()[:SHOWN], self.decisions.labels
        assert labels is not None
        classes, found = self.image_set.classes, self.decisions.found
        return class_sheet(
            [squeeze_gray(self.image_set.pixels(i)) for i in order],
            [classes[labels[i]] for i in order],
            [classes[found[i]] for i in order],
            [float(np.exp(self.decisions.logs[i].max())) for i in order],
        )
