"""The report of ``explain`` of a network that classifies."""

from typing import Literal

from pydantic import Field

from dlcli.reports.document import Record, Sparse, Text
from dlcli.reports.evaluate import Mistake, SkippedImage
from dlcli.reports.explain.base import Explanation, Shown

# right: the surest of those it is right about; mistake: of those it is wrong about; sure: of all, without classes.
Chosen = Literal["right", "mistake", "unsure", "sure"]
WORDS = {"right": "right", "mistake": "mistake", "unsure": "least sure", "sure": "surest"}
LISTED = 10  # mistakes in a table


class Completeness(Record):
    """How the map of integrated gradients adds up."""

    score: float = Field(description="of the class explained, of the image")
    baseline_score: float = Field(description="of that class, of the baseline")
    sum: float = Field(description="of the map, over all pixels and channels")
    gap: float = Field(description="by what share of the difference of the scores the sum misses it")
    steps: int = Field(description="between the baseline and the image")


class ExplainedImage(Sparse):
    """One image, and one class that its score was explained for."""

    name: Text
    chosen: Chosen
    true_class: Text | None = Field(
        validation_alias="class", serialization_alias="class", description="null where it isn't known"
    )
    prediction: Text
    probability: float = Field(description="of the prediction, 0 to 1")
    explained: Text = Field(description="the class whose score is explained")
    explained_probability: float = Field(description="of that class, 0 to 1")
    integrated: Completeness | None = Field(default=None, description="absent without integrated-gradients")
    speaks_for: bool | None = Field(
        default=None, description="whether any of the Grad-CAM map is above 0; absent without grad-cam"
    )


class Baseline(Record):
    """What integrated gradients compare an image with."""

    name: str
    prediction: Text = Field(description="what the network takes it for")
    probability: float = Field(description="of the prediction, 0 to 1")


class ClassesExplanation(Explanation):
    """The report of ``explain`` of a network that classifies."""

    kind: Literal["classes"]
    images: int = Field(description="images looked at, of which some are explained")
    skipped: list[SkippedImage]
    classes: list[Text]
    score: str = Field(description="what is explained of a class, in words")
    explained: list[ExplainedImage]
    baseline: Baseline | None = Field(default=None, description="absent without integrated-gradients")
    map_side: int | None = Field(default=None, description="side of a Grad-CAM map in its own pixels; absent without")
    mistakes: list[Mistake] | None = Field(
        default=None, description="the most confident ones first; absent where no classes are known, and without it"
    )

    def tables(self) -> list[Shown]:
        """The images that are explained, and the most confident mistakes."""
        known = any(one.true_class is not None for one in self.explained)
        head = ["image", "chosen as", *["class"] * known, "taken for", "probability"]
        shown = [Shown("Images explained", head, self._images(known=known))]
        if self.mistakes:
            rows = [
                [one.name, one.true_class, one.prediction, f"{one.probability:.1%}"] for one in self.mistakes[:LISTED]
            ]
            more = len(self.mistakes) - LISTED
            note = f"and {more} more in mistakes of explain.json" if more > 0 else ""
            shown.append(
                Shown("The most confident mistakes", ["image", "class", "taken for", "probability"], rows, note)
            )
        return shown

    def _images(self, *, known: bool) -> list[list[str]]:
        firsts = {(one.chosen, one.name): one for one in reversed(self.explained)}
        return [
            [one.name, WORDS[one.chosen], *[one.true_class or ""] * known, one.prediction, f"{one.probability:.1%}"]
            for one in reversed(firsts.values())
        ]
