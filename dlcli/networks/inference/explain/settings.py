"""What explaining a network needs of the command's options."""

from dataclasses import dataclass

from dlcli.config.common import PlotFormat
from dlcli.config.saved.explain import ExplainConfig
from dlcli.config.values.explanations import BaselineName
from dlcli.config.values.region import Region
from dlcli.networks.inference.settings import NetworkSettings


@dataclass(frozen=True)
class ExplainingSettings:
    """The images to explain on (none: those held out), the ``region`` of the image (None: one with much detail).

    ``methods``: those that were asked for; none: all. ``format`` is that of charts, or "none" for no pictures.
    Of classes only: the ``baseline`` of integrated gradients, and how many images of each kind are shown, ``top``.
    Of restoration only: ``sigma`` is the noise that is added to images, or that they have where they are ``degraded``
    already; None: as in training, or as measured.
    """

    source: NetworkSettings
    data: tuple[str, ...]
    region: Region | None
    methods: tuple[str, ...]
    seed: int
    format: PlotFormat
    baseline: BaselineName = "black"
    top: int = 6
    sigma: str | None = None
    degraded: bool = False

    @classmethod
    def of(cls, config: ExplainConfig) -> "ExplainingSettings":
        """Those of the command."""
        region = None if config.region is None else Region.parse(config.region)
        source = NetworkSettings.of(config)
        return cls(
            source, config.data, region, config.method, config.seed, config.plots, config.baseline, config.top,
            config.sigma, config.degraded,
        )  # fmt: skip
