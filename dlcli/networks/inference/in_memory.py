"""Images that a Python program holds, through a network that restores."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dlcli.degradations.base import Mask
from dlcli.engine.arrays import AnyArray
from dlcli.engine.progress import Progress
from dlcli.errors import DlcliError
from dlcli.images.arrays import of_array
from dlcli.images.outputs import Output
from dlcli.images.sources import ArrayFile, Candidate
from dlcli.networks.inference.noise_level import check_strength
from dlcli.networks.inference.predict import check_kernel, tell
from dlcli.networks.inference.restoring import Restorer
from dlcli.networks.inference.settings import PredictionSettings
from dlcli.networks.inference.trained import TrainedNetwork, load_network, other_networks
from dlcli.networks.inference.writing import Told, restored_array

LABEL = "the array"


@dataclass(frozen=True)
class ArrayRestorer:
    """A network, and those of other numbers of channels where its name stands for several."""

    trained: TrainedNetwork
    others: dict[int, TrainedNetwork]

    @classmethod
    def of(cls, settings: PredictionSettings) -> "ArrayRestorer":
        """That of a run. Raises DlcliError where there is none that restores."""
        trained = load_network(settings.source)
        if trained.task == "classify":
            raise DlcliError(
                f"{settings.source.run} holds a network that classifies, which takes files of images only",
                f"dlcli predict {settings.source.run} IMAGES --out classes.csv",
            )
        return cls(trained, other_networks(settings.source))

    def restored(
        self, array: AnyArray, settings: PredictionSettings, mask: Mask | None, progress: Progress
    ) -> AnyArray:
        """What becomes of an array of one image or more, in the same order of axes and of the same type.

        ``mask`` (H, W) is true where pixels are missing. Raises DlcliError for what holds no images that fit.
        """
        check_strength(settings.strength, self.trained)
        check_kernel(settings, self.trained, progress)
        if mask is not None and self.trained.task != "inpaint":
            raise DlcliError(f"mask is for inpaint, and the network was trained to {self.trained.task}", "leave it out")
        found = of_array(np.asarray(array), LABEL, settings.source.axes)
        assert found.axes is not None
        origin = ArrayFile(Path(LABEL), found.axes)
        candidates = tuple(Candidate(LABEL, None, image, origin) for image in found.images)
        restorer = Restorer(
            self.trained, mask, settings.source.kernel or 0, strength=settings.strength, others=self.others
        )
        told = Told()
        try:
            made = restored_array(Output(candidates, Path(LABEL), "NPY"), restorer, told)
        except DlcliError as error:
            raise DlcliError(f"{LABEL} {error.message}", error.hint, error.exit_code) from None
        tell(restorer, told, progress)
        return made
