"""Charts, drawn by matplotlib, and sheets of images, drawn by Pillow.

The modules of this package import those libraries, which takes half a second: import them in a function, when the
first chart is drawn.
"""

import contextlib
import importlib
import logging
import os
import threading

CONFIGURED = os.environ.get("MPLCONFIGDIR")  # matplotlib changes it where it can't keep its list of fonts at home

# It would tell, on stderr, that it makes a list of fonts. What fails raises.
logging.getLogger("matplotlib").setLevel(logging.ERROR)


def preload() -> threading.Thread:
    """Start importing matplotlib in the background, while something else takes longer than that."""

    def load() -> None:
        with contextlib.suppress(Exception):  # the import that needs it will say what is wrong
            importlib.import_module("dlcli.reports.charts.figure")

    thread = threading.Thread(target=load, name="matplotlib", daemon=True)
    thread.start()
    return thread
