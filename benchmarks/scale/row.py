"""A figure, and what is wanted of it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """A figure; ``good`` says whether it is as wanted, None where nothing is."""

    name: str
    figure: str
    wanted: str = ""
    good: bool | None = None

    @classmethod
    def at_least(cls, name: str, figure: float, least: float) -> "Row":
        """A ratio that is to be ``least`` or more."""
        return cls(name, f"{figure:.3f}", f"at least {least:g}", figure >= least)

    @classmethod
    def at_most(cls, name: str, figure: float, most: float) -> "Row":
        """A ratio that is to be ``most`` or less."""
        return cls(name, f"{figure:.3f}", f"at most {most:g}", figure <= most)
