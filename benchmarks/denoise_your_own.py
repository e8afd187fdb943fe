"""Denoising one's own images: what the documents say of it, section by section.

    python benchmarks/denoise_your_own.py DATA [--section NAME]... [-- OPTIONS of the section]

DATA is a folder with images/set12, images/bsd68 and polyu. Each section is a script of ``benchmarks/images`` by itself,
which prints a table; ``python benchmarks/images/NAME.py --help`` has its options.
"""

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent / "images"
SECTIONS = {
    "single": "one image, noise unknown: the network in the box adapted to it",
    "real": "photographs of cameras, no clean image used",
    "noise": "noise measured beside the true one",
}


def main() -> None:
    """Run the sections."""
    own, rest = sys.argv[1:], []
    if "--" in own:
        own, rest = own[: own.index("--")], own[own.index("--") + 1 :]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(f"{name:10s} {what}" for name, what in SECTIONS.items()),
    )  # fmt: skip
    parser.add_argument("data", type=Path)
    parser.add_argument("--section", action="append", choices=sorted(SECTIONS))
    given = parser.parse_args(own)
    for name in given.section or SECTIONS:
        print(f"\n## {name}: {SECTIONS[name]}\n", flush=True)
        subprocess.run([sys.executable, str(HERE / f"{name}.py"), str(given.data), *rest], check=True)


if __name__ == "__main__":
    main()
