"""What explaining a network needs of the command's options."""

from dataclasses import dataclass

from dlcli.config.common import PlotFormat
from dlcli.config.saved.explain import ExplainConfig
from dlcli.config.values.region import Region
from dlcli.networks.inference.settings import NetworkSettings


@dataclass(frozen=True)
class ExplainingSettings:
    """The images to explain on (none: those held out), the ``region`` of the image (None: one with much detail).

    ``methods``: those that were asked for; none: all. ``format`` is that of charts, or "none" for no pictures.
    """

    source: NetworkSettings
    data: tuple[str, ...]
    region: Region | None
    methods: tuple[str, ...]
    seed: int
    format: PlotFormat

    @classmethod
    def of(cls, config: ExplainConfig) -> "ExplainingSettings":
        """Those of the command."""
        region = None if config.region is None else Region.parse(config.region)
        source = NetworkSettings.of(config)
        return cls(source, config.data, region, config.method, config.seed, config.plots)
