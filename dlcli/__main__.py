"""Entry point of the ``dlcli`` command and of ``python -m dlcli``."""

import sys


def main() -> None:
    """Run the command line and leave with its exit code."""
    from dlcli.cli.app import run

    sys.exit(run())


if __name__ == "__main__":
    main()
