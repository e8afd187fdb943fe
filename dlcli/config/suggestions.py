"""What a name that is no option most likely means: for "did you mean" on the command line and in config files."""

import difflib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from dlcli.config.option import field_meta, flag_of, flags_of

# The ratio of difflib from which on a name counts as a mistyped one: of the option itself, of one of its other names.
CLOSE, CLOSER = 0.75, 0.85


@dataclass(frozen=True)
class Suggestion:
    """A field, and the value of it that the name stood for, if any (``--cpu``: device, "cpu")."""

    field: str
    value: str | bool | None = None


def suggestions(config: type[BaseModel], name: str, *, close: bool = True) -> list[Suggestion]:
    """The fields that ``name``, a flag or a key that ``config`` lacks, most likely means; [] where none is likely.

    First another spelling of a real name (``--batch_size``, ``batch-size``, ``--BatchSize``), then a name that other
    programs give to the option, then, if ``close``, a typing error in either.
    """
    spelled, named = _spellings(config), _other_names(config)
    folded = _folded(name)
    found = spelled.get(folded) or named.get(folded) or []
    if found or not close or len(folded) < 3:
        return found
    for names, cutoff in ((spelled, CLOSE), (named, CLOSER)):
        if similar := difflib.get_close_matches(folded, names, n=1, cutoff=cutoff):
            return names[similar[0]]
    return []


def suggested_flags(config: type[BaseModel], found: Sequence[Suggestion], given: Collection[str] = ()) -> str:
    """Suggestions as a user types them: ``--lr``, ``--l1 or --l2``, ``--device cpu``; empty for none.

    What an option needs is added, unless it is among the words ``given``: ``--early-stop with --val 0.2``.
    """
    return _joined([_as_flag(config, one, given) for one in found])


def suggested_settings(config: type[BaseModel], found: Sequence[Suggestion], given: Collection[str] = ()) -> str:
    """Suggestions as a TOML file has them: ``lr``, ``l1 or l2``, ``device = "cpu"``; empty for none.

    ``given`` are the keys of the file.
    """
    return _joined([_as_setting(config, one, given) for one in found])


def _joined(texts: list[str]) -> str:
    return " or ".join(dict.fromkeys(texts))


def _folded(name: str) -> str:
    """``--Learning-Rate``, ``learning_rate`` and ``learningrate`` are one name."""
    return re.sub("[-_]", "", name).lower()


def _spellings(config: type[BaseModel]) -> dict[str, list[Suggestion]]:
    """Folded names of fields and flags."""
    found: dict[str, list[Suggestion]] = {}
    for name in config.model_fields:
        flags = flags_of(config, name)
        found.setdefault(_folded(name), [Suggestion(name)])
        for number, flag in enumerate(flags):
            off = number > 0 and flag.startswith("--")  # the flag after the slash; -q only abbreviates
            found[_folded(flag)] = [Suggestion(name, False if off else None)]
    return found


def _other_names(config: type[BaseModel]) -> dict[str, list[Suggestion]]:
    """Folded names that other programs use, each with every option that lists it."""
    found: dict[str, list[Suggestion]] = {}
    for name in config.model_fields:
        meta = field_meta(config, name)
        for other in meta.also.split():
            found.setdefault(_folded(other), []).append(Suggestion(name))
        for other, value in meta.also_as.items():
            found.setdefault(_folded(other), []).append(Suggestion(name, value))
    return found


def _as_flag(config: type[BaseModel], found: Suggestion, given: Collection[str]) -> str:
    flags = flags_of(config, found.field)
    if found.value is False:
        return flags[-1]
    text = flag_of(config, found.field)
    if found.value not in (None, True):
        text += f" {found.value}"
    needs = field_meta(config, found.field).needs
    if needs and not any(word.partition("=")[0] == flag_of(config, needs[0]) for word in given):
        text += f" with {flag_of(config, needs[0])} {needs[1]}"
    return text


def _as_setting(config: type[BaseModel], found: Suggestion, given: Collection[str]) -> str:
    text = found.field if found.value is None else f"{found.field} = {_toml(found.value)}"
    needs = field_meta(config, found.field).needs
    if needs and needs[0] not in given:
        text += f" with {needs[0]} = {_toml(needs[1])}"
    return text


def _toml(value: str | float | bool) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).lower()
