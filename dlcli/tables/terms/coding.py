"""Which of the levels of texts stand in which term, so that no column of a design repeats others."""

import itertools
from collections.abc import Collection, Sequence
from typing import TypeAlias

# A factor by its name, and whether its first level is left out.
Coded: TypeAlias = tuple[str, bool]
Product: TypeAlias = tuple[Coded, ...]


def coded(terms: Sequence[tuple[str, ...]], of_levels: Collection[str], *, intercept: bool) -> list[list[Product]]:
    """For each term the products of factors that are its columns: of full rank, by the rule of R and patsy.

    A term's columns are those of its factors, and of what is left of them without some of those ``of_levels``; of
    these, what earlier terms span already is left out, and the rest is put together again: (anything):(levels but the
    first) + (anything) is (anything):(all levels). As in formulaic's ``_get_scoped_terms`` and patsy's documentation,
    "Redundancy and categorical factors".
    """
    spanned: set[frozenset[Coded]] = {frozenset()} if intercept else set()
    found: list[list[Product]] = []
    for term in terms:
        choices = [((name, True), None) if name in of_levels else ((name, False),) for name in term]
        span: list[Product] = []
        for chosen in itertools.product(*choices):
            product = tuple(one for one in chosen if one is not None)
            if frozenset(product) not in spanned:
                span.append(product)
        spanned |= {frozenset(product) for product in span}
        found.append(_joined(span))
    return found


def _joined(products: Sequence[Product]) -> list[Product]:
    """The fewest products that span the same."""
    kept: list[Product] = []
    for product in sorted(products, key=len):
        for other in kept:
            new = set(product) - set(other)
            if len(product) - 1 != len(other) or len(new) != 1:
                continue
            (factor,) = new
            if factor[1]:
                whole = tuple((name, False) if (name, left) == factor else (name, left) for name, left in product)
                kept = _joined([one for one in kept if one != other] + [whole])
                break
        else:
            if not any(set(product) == set(one) for one in kept):
                kept.append(product)
    return kept
