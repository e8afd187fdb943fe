"""What further processes are worth, and how large a table may be.

    python benchmarks/scaling.py
    python benchmarks/scaling.py --section networks --rounds 5
    python benchmarks/scaling.py --section tables --rows 1000000
    python benchmarks/scaling.py --quick

Contenders run in turn, and ratios are taken within each round; their median is shown. Needs two idle cores. The exit
code is 1 where a figure is not as wanted; with --quick, which only shows that everything runs, that doesn't count.
"""

import argparse
import importlib
import sys
import tempfile
from pathlib import Path

SECTIONS = {"networks": "scale.networks", "tables": "scale.linear"}


def main() -> None:
    """Measure and print a table for each section."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--section", choices=list(SECTIONS), nargs="+", default=list(SECTIONS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one small round of each, which measures nothing")
    parser.add_argument("--rows", type=int, default=0, help="of the table (20,000,000), for trying")
    args = parser.parse_args()
    good = True
    for section in args.section:
        with tempfile.TemporaryDirectory() as folder:
            module = importlib.import_module(SECTIONS[section])
            size = {"rows": args.rows} if section == "tables" else {}
            rows = module.measure(Path(folder), 1 if args.quick else args.rounds, quick=args.quick, **size)
        print(f"\n| {section} | measured | wanted | |\n|---|---|---|---|")
        for row in rows:
            verdict = {None: "", True: "good", False: "NOT GOOD"}[None if args.quick else row.good]
            print(f"| {row.name} | {row.figure} | {row.wanted} | {verdict} |", flush=True)
        good &= all(row.good is not False for row in rows)
    sys.exit(0 if good or args.quick else 1)


if __name__ == "__main__":
    main()
