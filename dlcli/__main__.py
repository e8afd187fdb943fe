"""Entry point of the ``dlcli`` command and of ``python -m dlcli``."""

import os


def main() -> None:
    """Run the command line and leave with its exit code."""
    from dlcli.cli.streams import guard, settled

    guard()
    from dlcli.cli.app import run
    from dlcli.files import remove_temporary_files

    code = settled(run())
    remove_temporary_files()
    # Everything is written and closed; taking the libraries apart one by one would take another tenth of a second.
    os._exit(code)


if __name__ == "__main__":
    main()
