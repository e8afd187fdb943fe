"""Which images to explain: those that a network is surest of, and wrong about, and unsure of."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dlcli.images.image_set import ImageSet
from dlcli.networks.inference.classify import log_probabilities
from dlcli.networks.inference.trained import TrainedNetwork
from dlcli.reports.explain.classes import Chosen


@dataclass(frozen=True)
class Case:
    """Image number ``image``, why it is shown, and the number of the class whose score is explained."""

    image: int
    chosen: Chosen
    explained: int


@dataclass(frozen=True, eq=False)
class Decisions:
    """Logarithms of the classes' probabilities (N, K) of images, and their true classes (N,), None: not known."""

    logs: NDArray[np.float64]
    labels: NDArray[np.int64] | None

    @property
    def found(self) -> NDArray[np.int64]:
        """The most probable class of each image, (N,)."""
        found: NDArray[np.int64] = self.logs.argmax(1)
        return found

    def mistakes(self) -> list[int]:
        """The images that are taken for another class, the most confident mistakes first; none without labels."""
        if self.labels is None:
            return []
        return self._by_confidence(np.flatnonzero(self.found != self.labels))

    def cases(self, count: int) -> list[Case]:
        """Up to ``count`` images of each kind, with what to explain of each.

        Of those that it is right about (without labels: of all) the surest one of each class comes first, as the
        surest of all are often alike. Mistakes are explained for the class found and for the true one, the least sure
        for the two most probable.
        """
        found, second = self.found, np.argsort(-self.logs, axis=1, kind="stable")[:, 1]
        right = np.flatnonzero(found == self.labels) if self.labels is not None else np.arange(len(found))
        sure: Chosen = "sure" if self.labels is None else "right"
        cases = [Case(i, sure, int(found[i])) for i in self._one_of_each(self._by_confidence(right), count)]
        for image in self.mistakes()[:count]:
            assert self.labels is not None
            cases += [Case(image, "mistake", int(one)) for one in (found[image], self.labels[image])]
        for image in np.argsort(self.logs.max(1), kind="stable")[:count].tolist():
            cases += [Case(image, "unsure", int(one)) for one in (found[image], second[image])]
        return cases

    def _by_confidence(self, images: NDArray[np.intp]) -> list[int]:
        ordered: list[int] = images[np.argsort(-self.logs.max(1)[images], kind="stable")].tolist()
        return ordered

    def _one_of_each(self, images: list[int], count: int) -> list[int]:
        """The first ``count`` of ``images``, the first of each class before the second of any."""
        seen: dict[int, int] = {}
        ranks = []
        for image in images:
            name = int(self.found[image])
            ranks.append(seen.get(name, 0))
            seen[name] = ranks[-1] + 1
        chosen = sorted(range(len(images)), key=lambda place: ranks[place])[:count]
        return [images[place] for place in chosen]


def decided(trained: TrainedNetwork, image_set: ImageSet) -> Decisions:
    """What the network takes each image for; they are squares of its side, in 8 bits."""
    return Decisions(log_probabilities(trained, image_set), image_set.labels)
