"""What the images are that a restoring network is explained on."""

from pydantic import field_validator

from dlcli.config.base import Config
from dlcli.config.common import IMAGES
from dlcli.config.option import option
from dlcli.config.values.noise import Amount


class ExplainedImages(Config):
    """Options of explain that only networks which restore images have."""

    sigma: str | None = option(
        None,
        "Noise that is added to the images, or with --degraded that they have: a number on their own scale (0 to 255 "
        "for 8 bits), a share of their range such as 25/255 or 1.5%, or 12counts. By default that of the training, or "
        "as measured.",
        panel=IMAGES,
        metavar="NUMBER",
        also="noise noise_level noise_std std stddev",
    )
    degraded: bool = option(
        False,
        "DATA are degraded already, as predict takes them; by default they are clean, and degraded as in training, so "
        "that the truth is known.",
        panel=IMAGES,
        also="as_is given observed raw noisy",
    )

    @field_validator("sigma", mode="before")
    @classmethod
    def _noise(cls, value: object) -> object:
        if value is None:
            return None
        Amount.parse(str(value))
        return str(value)
