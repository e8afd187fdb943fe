"""Open a study, or create it: one of the processes that begin together does, and the others wait for it."""

import json
import time
from collections.abc import Mapping
from typing import Any

from dlcli.errors import DlcliError
from dlcli.fingerprint import difference
from dlcli.search.space import canonical

DATA = "data"  # in what a search depends on: the fingerprint of its data
ABOUT, READY = "dlcli", "dlcli:ready"  # attributes of a study: what it depends on, and that its points are up
TAKE_OVER = 20.0  # seconds to wait for the points of a study that another process is creating


def open_or_create(
    storage: Any, name: str | None, about: Mapping[str, Any], *, larger: bool, sampler: Any, pruner: Any
) -> tuple[Any, bool]:
    """The Optuna study ``name``, and whether it was created here; ``about`` is all that its trials depend on.

    Raises DlcliError for a study of another search.
    """
    import optuna

    settings = {"storage": storage, "sampler": sampler, "pruner": pruner}
    directions = optuna.study.StudyDirection
    try:
        # Hyperband draws its brackets from the name, so one in memory must not get a random one.
        study = optuna.create_study(
            study_name=name or "dlcli", direction=directions.MAXIMIZE if larger else directions.MINIMIZE, **settings
        )
    except optuna.exceptions.DuplicatedStudyError:
        study = optuna.load_study(study_name=name or "dlcli", **settings)
    else:
        study.set_user_attr(ABOUT, canonical(about))
        return study, True
    deadline = time.monotonic() + TAKE_OVER
    while ABOUT not in (attrs := study.user_attrs) and time.monotonic() < deadline:
        time.sleep(0.1)
    found = attrs.get(ABOUT)
    if changed := data_changed(json.loads(found), about) if found else "":
        raise DlcliError(
            f"--study {name}: its data are no longer those of its trials: {changed}",
            "bring the old data back, or choose another --study",
        )
    if found != canonical(about):
        raise DlcliError(
            f"--study {name}: it was made by another command ({_difference(found, about)})",
            "repeat that command as it was, or choose another --study",
        )
    return study, False


def data_changed(there: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    """In what way the data of one search differ from those of another that is the same otherwise; else empty."""
    if any(canonical(there.get(n)) != canonical(about.get(n)) for n in {*there, *about} - {DATA}):
        return ""
    return difference(there.get(DATA), about[DATA]) if DATA in about else ""


def _difference(found: str | None, about: Mapping[str, Any]) -> str:
    """What tells an existing study from the one asked for."""
    if found is None:
        return "not by dlcli"
    there = json.loads(found)
    names = [name for name in sorted({*there, *about}) if canonical(there.get(name)) != canonical(about.get(name))]
    return "other " + ", ".join(names)
