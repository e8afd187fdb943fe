"""Every number of fit-linear's summary beside statsmodels and scikit-learn, over generated problems and real tables.

    python -m tests.audit.campaign [WORD ...]

takes those whose kind has one of the words (all, without any), names what is off by more than it may be, and prints the
worst relative error of each number. Coefficients, errors, statistics, deviances, ... agree to 1e-8, p-values (by
mpmath) and quantiles to 1e-6.
"""

import sys

from tests.audit.campaign.generated import generated
from tests.audit.campaign.measure import audit, table, tails
from tests.audit.campaign.real import real


def main(words: list[str]) -> int:
    """Run it; 0 where all agree."""
    problems = [p for p in (*generated(), *real()) if not words or any(word in p.kind for word in words)]
    results, wrong = [], 0
    for problem, told in audit(problems):
        results.append((problem, told))
        if isinstance(told, str):
            said = [told]
        else:
            said = [f"{one.number} by {one.error:.1e}" for one in told if not one.error <= one.tolerance]
        wrong += bool(said)
        for words_ in said:
            print(f"{problem.kind}, {problem.real or ''} {problem.name}: {words_}", file=sys.stderr)
    names = {p.real for p in problems if p.real is not None}
    made, p = sum(p.real is None for p in problems), tails(results)
    print(table(results))
    print(f"{made} generated problems, {len(problems) - made} of {len(names)} real tables; {wrong} differ")
    if len(p):
        print(f"{len(p):,} p-values, {(p < 1e-100).sum()} below 1e-100, the least {p[0]:.1e}")
    return int(wrong > 0)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
