"""The sum of what clients send; with masks no single message says anything, and a lost client's are taken out."""

from collections.abc import Mapping, Sequence

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.federated.fixed_point import Words, from_words, to_words
from dlcli.federated.masking import MaskKey


def summed(
    messages: Mapping[int, FloatArray], asked: Sequence[int], number: int = 0, key: MaskKey | None = None
) -> FloatArray:  # fmt: skip
    """The sum (n,) of the ``messages`` (client -> (n,)) that came, of those ``asked`` in round ``number``.

    With a ``key`` each is masked, and the sum is exact but for its own rounding. Raises ValueError for numbers that
    fixed point has no room for.
    """
    if key is None:
        total: FloatArray = np.sum([messages[client] for client in sorted(messages)], axis=0)
        return total
    masked = {client: masked_message(values, client, asked, number, key) for client, values in messages.items()}
    return unmasked_sum(masked, asked, number, key)


def masked_message(values: FloatArray, client: int, asked: Sequence[int], number: int, key: MaskKey) -> Words:
    """What a client sends of its values (n,): words whose bits are uniform to whoever lacks the masks."""
    return to_words(values) + key.of_client(client, asked, number, len(values))


def unmasked_sum(masked: Mapping[int, Words], asked: Sequence[int], number: int, key: MaskKey) -> FloatArray:
    """The sum of the messages that came; masks that lost clients would have taken off are taken off here.

    For that those who answered disclose the seeds that they share with the lost ones, and no others.
    """
    total = np.zeros_like(next(iter(masked.values())))
    for words in masked.values():
        total = total + words
    lost = [client for client in asked if client not in masked]
    for client in masked:
        total = total - key.of_client(client, [client, *lost], number, total.shape[1])
    return from_words(total)
