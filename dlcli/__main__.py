"""Entry point of the ``dlcli`` command and of ``python -m dlcli``."""

import contextlib
import os
import sys


def main() -> None:
    """Run the command line and leave with its exit code."""
    from dlcli.cli.app import run

    code = run()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    # Everything is written and closed; taking the libraries apart one by one would take another tenth of a second.
    os._exit(code)


if __name__ == "__main__":
    main()
