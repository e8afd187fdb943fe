"""Whether there is memory for what a method forms of many columns."""

from dlcli.errors import DlcliError
from dlcli.memory import available_memory

COPIES = 10  # of a matrix of products, at the worst moment of a fit: its eigenvectors, its inverse, and theirs


def check_products(columns: int, many: int) -> None:
    """Raise DlcliError where a fit by the products of columns with each other has no room; few columns always have."""
    if columns > many:
        check_room(COPIES * 8 * columns**2, f"products of {columns:,} columns", "use --features or --drop")


def check_room(size: int, what: str, hint: str) -> None:
    """Raise DlcliError where ``size`` bytes are more than there are."""
    free = available_memory()
    if size > free:
        raise DlcliError(f"{what} need about {_gigabytes(size)} of memory, and {_gigabytes(free)} are free", hint)


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:,.1f} GB"
