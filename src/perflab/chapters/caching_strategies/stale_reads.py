"""When does a cache serve what is no longer true? Readers and writers of one cache, and the order of the steps of a write."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from perflab.chapters.caching_strategies import stale_reads_model as model
from perflab.chapters.caching_strategies.stale_reads_model import ENTRIES, READS, STALE, WRONG
from perflab.chapters.changes import only_change
from perflab.lab import Answer, Axis, Chart, Lab, Outcome, Prediction, Record, choice, values_slider
from perflab.lab.axes import percent_ticks
from perflab.lab.marks import Line, Point, measured
from perflab.lab.palette import MODEL, MODEL_HERE
from perflab.lab.rows import chosen_row, named_rows
from perflab.lab.verdict import table_of, trust_of, verdict_of
from perflab.measure import Frame, count, gc_paused, number, percent
from perflab.measure.compare import CLEAR, TOO_CLOSE
from perflab.systems.caches.races import DELETE_FIRST, ORDERS, READERS, WRITE_FIRST, Rule
from perflab.systems.servers.racing import Racing
from perflab.theory.stale_reads_means import SLICE_S


def experiment(
    order: str, store: float, keys: int, writers: int, seed: int, fill: Rule | None = None, delete: Rule | None = None
) -> Iterator[Frame]:
    with Racing(order, store, keys, writers, seed, fill, delete) as racing:
        while True:
            with gc_paused(generation=0):
                found = racing.race(SLICE_S)
            per_slice = {"stale_share": np.array([model.share(found[STALE], found[READS])])}
            yield Frame(per_slice, {"calls": found[READS] + found["writes"], **found})


def place(share: Callable[[Record], float]) -> Callable[[Record], Point]:
    """A share in the row of the run's order."""
    return lambda run: (share(run), ORDERS.index(run.parameters["order"]))


ROWS_OF_ENDS = np.repeat(range(len(ORDERS)), 3)


def rows_of(
    title: str, xlabel: str, names: tuple[str, ...], share: Callable[[Record], float], of: str, **style: Any
) -> Chart:
    """A chart with a row for each order."""

    def means(m: model.Expected) -> Any:
        return [spread.mean for spread in getattr(m, of).values()], range(len(ORDERS))

    def ends(m: model.Expected) -> Any:
        return [at for spread in getattr(m, of).values() for at in (spread.low, spread.high, np.nan)], ROWS_OF_ENDS

    return Chart(
        title,
        Axis(
            xlabel,
            *(-0.015, 0.11),
            ticks=percent_ticks,
            ends=(0.11, 0.26, 0.52, 1.04),
            reach=lambda m: 1.05 * max(spread.high for spread in getattr(m, of).values()),
            run_reach=share,
        ),
        named_rows(names),
        chosen_row(ORDERS, "order"),
        Line("9 of 10 runs", model=ends, color=MODEL, linewidth=7, alpha=0.3, solid_capstyle="butt"),
        Line("model", model=means, **MODEL_HERE, clip_on=False),
        *measured(place(share), among=("order",), pinned="pinned", earlier="before"),
        columns=3,  # two rows of names in both charts, so that rows of one order stand side by side
        **style,
    )


CHARTS = (
    rows_of(
        "Stale reads",
        "share of all reads",
        ORDERS,
        model.stale_share,
        "stale",
        width=1.2,
        empty="The share of stale reads will appear here.",
    ),
    rows_of(
        "Wrong entries, once all is at rest",
        "share of the entries in the cache",
        ("",) * len(ORDERS),
        model.wrong_share,
        "wrong",
        empty="What stays wrong will appear here.",
    ),
)


def say(record: Record) -> str:
    """How many reads were stale, and what was wrong when nothing went on any more."""
    stale, reads, wrong = (count(record.count(name)) for name in (STALE, READS, WRONG))
    said = f"{stale} of {reads} reads were stale ({percent(model.stale_share(record))}): a newer version had been acknowledged "
    said += f"when they began. Whenever all had come to rest, entries were compared with the store: {wrong} of "
    return f"{said}{count(record.count(ENTRIES))} were wrong, and stay so until their next write."


def compare(record: Record, pinned: Record) -> tuple[str, str]:
    """The share of stale reads beside that of the pinned run, judged slice by slice."""
    kind = TOO_CLOSE if model.more_stale(record, pinned) is None else CLEAR
    return f"Pinned run: {percent(model.stale_share(pinned))} stale.", kind


def finding(record: Record, pinned: Record | None) -> str:
    """The headline."""
    name, share = record.parameters["order"], percent(model.stale_share(record))
    if pinned is not None and only_change(record, pinned) == "order":
        other = pinned.parameters["order"]
        return f"“{name}”: {share} of the reads are stale. “{other}”: {percent(model.stale_share(pinned))}."
    if not record.count(STALE) and not record.count(WRONG):
        return f"“{name}”: none of {count(record.count(READS))} reads was stale, and no entry stays wrong."
    return (
        f"“{name}”: {share} of the reads are stale, and {percent(model.wrong_share(record))} of the entries stay wrong."
    )


def scenario(chosen: Mapping[str, Any]) -> str:
    """What a run does."""
    keys = f"{chosen['keys']} keys" if chosen["keys"] > 1 else "one key"
    writers = f"{chosen['writers']} writers" if chosen["writers"] > 1 else "one writer"
    return f"{READERS} readers and {writers}, {keys}. An access to the store takes {chosen['store']:g} ms on average."


TABLE = table_of(
    ("stale reads", lambda run: f"{percent(model.stale_share(run))} of {count(run.count(READS))}"),
    ("entries wrong at rest", lambda run: f"{percent(model.wrong_share(run))} of {count(run.count(ENTRIES))}"),
    ("fills overtaken by a write; wR/(1 + wR)", model.overtaken_said),
    ("fills; writes", lambda run: f"{count(run.count('fills'))}; {count(run.count('writes'))}"),
    needs="stale_share",
    heading="this run",
)
TRUST = trust_of(
    ("the same on a virtual schedule: stale reads", model.replayed_said),
    ("moments of rest", lambda run: count(run.column("stale_share").size)),
    needs="stale_share",
)


def which_is_worse(delete_first: Record, write_first: Record) -> Outcome | None:
    """The order with more stale reads; None where slices do not agree."""
    more = model.more_stale(delete_first, write_first)
    if more is None:
        return None
    shares = [model.stale_share(run) for run in (delete_first, write_first)]
    times = f", {number(shares[0] / shares[1])}× as many" if min(shares) > 0 else ""
    told = f"{percent(shares[0])} of the reads are stale with “{DELETE_FIRST}”, {percent(shares[1])} with “{WRITE_FIRST}”{times}"
    return Outcome(DELETE_FIRST if more else WRITE_FIRST, told)


ALIKE = "both alike"
PREDICTION = Prediction(
    question="A write changes a row of the store and deletes its entry from the cache: two lines of code. An access to the store "
    "takes 5 ms. With which order are more reads stale?",
    choices={
        DELETE_FIRST: Answer(
            "While the row is being written, a reader that misses fills the cache with the old one. This run shows few of them.",
            "The entry is gone before the new row is there. A reader that misses meanwhile reads the old row, and puts it in the "
            "cache after the deletion: nothing removes it until the next write of this key.",
        ),
        WRITE_FIRST: Answer(
            "The old entry is served until it is deleted; but until then the new row is not acknowledged either. A fill must "
            "have begun before the commit and end after the deletion to leave an old entry.",
            "Here many fills were on their way when a row was committed.",
        ),
        ALIKE: Answer(
            "The same two lines, and in both orders there is a moment between them. Fills only fit into one of them."
        ),
    },
    runs=({"order": DELETE_FIRST}, {"order": WRITE_FIRST}),
    find=which_is_worse,
)


def lab() -> Lab:
    return Lab(
        question="When does a cache serve what is no longer true?",
        experiment=experiment,
        predict=model.predict,
        controls={
            "order": choice(ORDERS, WRITE_FIRST, menu=True),
            "store": values_slider((0.5, 1, 2, 5, 10, 20), 5.0, unit="ms", label="store time"),
            "keys": values_slider((1, 2, 5, 10, 20, 50, 100), 10, unit="keys"),
            "writers": values_slider((1, 2, 4, 8), 2, unit="writers"),
        },
        charts=CHARTS,
        prediction=PREDICTION,
        verdict=verdict_of(say, compare=compare, needs="stale_share"),
        table=TABLE,
        trust=TRUST,
        finding=finding,
        scenario=scenario,
    )
