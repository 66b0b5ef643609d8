"""What six improvements of an API should do, one after the other: what each saves alone adds up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from perflab.measure import Estimate

START = "all off"
STEPS = {
    "pooled": "+ pooled connections",
    "index": "+ index",
    "join": "+ join, not N+1",
    "cache": "+ cache",
    "tuning": "+ SQLite tuned",
    "closer": "+ server closer",
}
LABELS = (START, *STEPS.values())


def stages(**wanted: bool) -> dict[str, tuple[str, ...]]:
    """Label of each step and the switches that are on in it: none first, then one more at a time, in the order of `STEPS`."""
    names = [name for name in STEPS if wanted[name]]
    return {START: (), **{STEPS[name]: tuple(names[: place + 1]) for place, name in enumerate(names)}}


def predict(constants: Mapping[str, Any], **wanted: bool) -> dict[str, Estimate]:
    """Median response time (ns) of each step. Each switch takes off what it takes off alone: savings add up.

    A hit in the cache leaves only the way there and back. Wrong where switches depend on each other, as the lab shows.
    """
    saved = {name: constants["pooled"] - constants[name] for name in STEPS}
    saved["pooled"] = constants[START] - constants["pooled"]
    found = {}
    for label, switched_on in stages(**wanted).items():
        hit = constants["near hit" if "closer" in switched_on else "cache"]
        added_up = constants[START] - sum(saved[name] for name in switched_on if name != "cache")
        found[label] = Estimate(hit if "cache" in switched_on else max(hit, added_up))
    return found
