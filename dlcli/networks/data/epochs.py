"""What an epoch is: the images once where they are classified, else as many crops as have their pixels."""

import math

from dlcli.networks.data.facts import ImageFacts
from dlcli.text import counted

# Steps of a preset's own epochs, at most, unless one crop of each image takes more: 10 epochs of 40 photographs of 24
# megapixels would be 290,000 steps, which nobody asked for.
MOST_STEPS = 2000


def samples_of_epoch(facts: ImageFacts, side: int) -> int:
    """How many images, or crops of ``side`` pixels, an epoch has; at least one of each image."""
    return facts.count if facts.classes else max(facts.count, math.ceil(facts.pixels / side**2))


def steps_of(epochs: float, samples: int, batch_size: int) -> int:
    """Steps of so many epochs of ``samples`` each, at least one."""
    return max(1, math.ceil(epochs * samples / batch_size))


def usual_steps(epochs: float, facts: ImageFacts, side: int, batch_size: int) -> int:
    """Steps of a preset's own epochs."""
    by_images = steps_of(epochs, facts.count, batch_size)
    return min(steps_of(epochs, samples_of_epoch(facts, side), batch_size), max(MOST_STEPS, by_images))


def told(facts: ImageFacts, side: int, batch_size: int) -> str:
    """A line on what an epoch is."""
    samples = samples_of_epoch(facts, side)
    steps = f"an epoch is {counted(steps_of(1, samples, batch_size), 'step')}"
    if facts.classes:
        return f"{steps} of {counted(batch_size, 'image')}: each of {samples:,} once"
    return (
        f"{steps} of {counted(batch_size, 'crop')}: {samples:,} crops of {side} x {side} have as many pixels as "
        f"{counted(facts.count, 'image')} that {'trains' if facts.count == 1 else 'train'}"
    )
