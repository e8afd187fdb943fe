"""How many examples of a property are tried: a quarter, and all with ``pytest --long``."""

import os
import sys

SAID = "DLCLI_LONG"  # of the environment, by which workers know
LONG = "--long" in sys.argv or SAID in os.environ
FEWEST = 5


def examples(all_of_them: int) -> int:
    """So many of them."""
    return all_of_them if LONG else max(all_of_them // 4, FEWEST)
