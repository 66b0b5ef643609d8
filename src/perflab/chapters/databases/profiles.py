"""Which profile for which work? Orders with the settings of three profiles and yours, in DuckDB and PostgreSQL: the same work."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np

from perflab.chapters.databases import profiles_model, winners
from perflab.chapters.databases.profiles_model import NAMES, PROBE, YOURS, column, names_here
from perflab.chapters.databases.winners import against_best, times_of, undefeated
from perflab.lab import Answer, Axis, Chart, Lab, Outcome, Prediction, Record, choice, slider, switch, values_slider
from perflab.lab.axes import duration_ticks
from perflab.lab.marks import Line, Rule
from perflab.lab.palette import ALARM, CLOCK, INK, MEASURED, MEASURED_POINTS, MODEL, MODEL_HERE, PINNED, PINNED_POINTS
from perflab.lab.rows import Texts, intervals_in, named_rows, values_in
from perflab.lab.verdict import ratio_text, table_of, trust_of, verdict_of
from perflab.measure import Frame, count, duration, merge, number, percent
from perflab.systems.databases.order_book import INDEXED
from perflab.systems.databases.order_work import LOAD, LOADED, WORKS, WRITING, Timed, time_work
from perflab.systems.machine.storage import durability_caveat, synced_write
from perflab.systems.process.installed import enter_started

SLICE_S = 0.1
ALIKE = 1.5


def experiment(work: str, indexes: int, batch: int, durable: bool, seed: int) -> Iterator[Frame]:
    generator = np.random.default_rng(seed)
    chosen = profiles_model.sides(indexes, batch, durable, names_here())
    with ExitStack() as stack:
        books, facts = enter_started(stack, {name: profiles_model.book_of(name, each) for name, each in chosen.items()})
        jobs: dict[str, Callable[[], Timed]] = {
            name: partial(time_work, work, book, chosen[name].batch, generator) for name, book in books.items()
        }
        if work in WRITING:
            jobs[PROBE] = partial(profiles_model.probe, work, stack.enter_context(synced_write()))
        frames = [Frame(facts={"caveat": (work in WRITING and durability_caveat()) or "", **facts})]
        ends = perf_counter() + SLICE_S
        while True:
            for name in generator.permutation([*jobs]).tolist():
                took_ns, calls = jobs[name]()
                frames.append(Frame({column(name): np.array([took_ns])}, {"calls": calls}))
                if perf_counter() > ends:
                    yield merge(frames)
                    frames, ends = [], perf_counter() + SLICE_S


LOOKS = zip(NAMES, (MEASURED, INK, CLOCK, PINNED, PINNED, ALARM), "^voPsD", strict=True)
STYLES: dict[str, dict[str, Any]] = {
    name: {"color": color, "marker": marker, "linestyle": "none", "markersize": 8} for name, color, marker in LOOKS
}
TICK: dict[str, Any] = {"color": MODEL, "marker": "|", "linestyle": "none", "markeredgewidth": 2}
TIMES = {times: f"{times:,}×" for times in (0.1, 1, 10, 100, 1_000)}


def charts(names: Sequence[str]) -> tuple[Chart, ...]:
    """Of these sides, each in a row of its own."""
    times = Chart(
        "Time of the work (× the best profile)",
        Axis("", 5e3, 3e11, log=True, ticks=duration_ticks),
        named_rows([winners.ROW_NAMES[name] for name in names]),
        Line("model", model=lambda model: values_in(names, model.times), **MODEL_HERE),
        Line("with this run's fsync", run=partial(winners.with_its_fsync, names), markersize=12, **TICK),
        Line(run=lambda run: intervals_in(names, times_of(run)), color=MEASURED, linewidth=2),
        Line("pinned run", pinned=lambda run: values_in(names, times_of(run)), **PINNED_POINTS),
        Line("measured", run=lambda run: values_in(names, times_of(run)), **MEASURED_POINTS),
        Texts(len(names), run=winners.times_texts(names)),
        columns=2,
        empty="A time of each will appear here.",
    )
    works = Chart(
        "Work by work (× the best profile)",
        Axis("", 0.02, 5e3, log=True, ticks=TIMES),
        named_rows(WORKS),
        Rule("x", setting=lambda _: 1.0, color=INK, linewidth=1),
        *(Line(name, runs=winners.places(name), **style) for name, style in STYLES.items() if name in names),
        Line("model", model=winners.expected_places, markersize=9, zorder=1.9, **TICK),
        Texts(len(WORKS), above=0.44, runs=winners.judged),
        columns=4,
        empty="Each work that you choose will fill its row.",
        width=1.22,
    )
    return times, works


def say(record: Record) -> str:
    """The best profile's time, the others' in its, and what the advice was worth."""
    work, ratios, best = record.parameters["work"], against_best(record), winners.best_of(record)
    if best is None:
        return "Not all profiles have been measured yet."
    others = ", ".join(f"{name} {ratio_text(ratio)}" for name, ratio in ratios.items() if name != best)
    said = f"{work.capitalize()}: {best} {duration(times_of(record)[best].value)}; in its times {others}."
    return f"{said} Common advice for this work: {winners.advised(work)}; {winners.worth(record)}."


def finding(record: Record, pinned: Record | None) -> str | None:
    """What yours of two runs takes; else which profile is the fastest, what the slowest takes, and a database that is faster."""
    first, ratios, work = undefeated(record), against_best(record), record.parameters["work"]
    if not first:
        return None
    if pinned is not None and pinned.parameters["work"] == work and undefeated(pinned):
        one = winners.apart(pinned.parameters, record.parameters)
        other = winners.apart(record.parameters, pinned.parameters)
        times = [f"{number(winners.of_oltp(run))}×" for run in (pinned, record)]
        if one:
            return f"{work.capitalize()}: {one} {times[0]} OLTP's time, {other} {times[1]}."
    said = f"{first[0]} is the fastest profile" if len(first) == 1 else f"no winner between {' and '.join(first)}"
    slowest = max(profiles_model.PROFILES, key=lambda name: ratios[name].value)
    others = [] if slowest in first else [f"{slowest} takes {number(ratios[slowest].value)}× as long"]
    others += [f"{name} beside them {number(ratios[name].value)}×" for name in winners.ahead(record)]
    return f"{work.capitalize()}: {'; '.join([said, *filter(None, [', '.join(others)])])}."


def scenario(names: Sequence[str], chosen: Mapping[str, Any]) -> str:
    """What a run does with these sides."""
    work, many = chosen["work"], chosen["indexes"]
    yours = f"{many} {'index' if many == 1 else 'indexes'}"
    if work in WRITING:
        often = f", {count(chosen['batch'])} a commit" if work == LOAD else ""
        yours += f"{often}, {'durable' if chosen['durable'] else 'not durable'}"
    others = ", ".join(name for name in profiles_model.BESIDE if name in names)
    return f"A table of 100,000 orders. {winners.TOLD[work]}, in turns by three profiles, {others} and yours: {yours}."


NO_INDEX, ONE_COMMIT, BOTH = "no indexes", "one commit", "both do about the same"


def what_helps(without: Record, at_once: Record) -> Outcome | None:
    """Whether a load gains more from no indexes or from one commit; None where the rounds cannot tell."""
    ratio, parts = winners.by_rounds(without, at_once), [percent(winners.of_oltp(run)) for run in (without, at_once)]
    if ratio is None or not ratio.has_interval:
        return None
    found = {ratio.low > ALIKE: ONE_COMMIT, ratio.high < 1 / ALIKE: NO_INDEX}.get(True)
    if found is None and 1 / ALIKE < ratio.low <= ratio.high < ALIKE:
        found = BOTH
    told = f"without indexes {parts[0]} of the OLTP profile's time, in one commit {parts[1]}"
    return Outcome(found, told) if found else None


PREDICTION = Prediction(
    question="1,000 orders are loaded into a table with five indexes, and each is committed on its own, durably. What saves more "
    "time: to drop all five indexes, or to keep them and commit all 1,000 at once?",
    choices={
        NO_INDEX: Answer(
            "Each index is more work, some 10 µs an order; but each commit waits for the drive, and there are 1,000 of them.",
            "A commit waits for next to nothing here, so the work for the indexes is most of the time.",
        ),
        ONE_COMMIT: Answer(
            "It spares 999 waits for the drive. On most drives these are most of the time; here they are not.",
            "Each commit waits for the drive, and 1,000 waits are most of the time. In one commit it is the indexes that are.",
        ),
        BOTH: Answer(
            "The one spares work of the processor, the other waits for the drive, and these differ by far on most drives.",
            "Here a commit takes about as long as the work that five indexes make for one order.",
        ),
    },
    runs=({"work": LOAD, "indexes": 0, "batch": 1}, {"work": LOAD, "indexes": len(INDEXED), "batch": LOADED}),
    find=what_helps,
)


def lab() -> Lab:
    names = names_here()
    return Lab(
        question="Which profile for which work?",
        experiment=experiment,
        calibrate=profiles_model.calibrate,
        predict=profiles_model.predict,
        controls={
            "work": choice(WORKS, LOAD, menu=True),
            "indexes": slider(0, len(INDEXED), len(INDEXED), unit="indexes", label="your indexes"),
            "batch": values_slider((1, 10, 100, LOADED), LOADED, unit="orders", label="your batch"),
            "durable": switch(True, label="durable commits"),
        },
        charts=charts(names),
        prediction=PREDICTION,
        verdict=verdict_of(say, compare=winners.compare, needs=column(YOURS)),
        table=table_of(
            *winners.rows_of(names),
            ("common advice", winners.advice_text),
            ("fastest of the three, or within 25% of it", winners.fastest),
            needs=column(YOURS),
        ),
        trust=trust_of(
            ("rounds", lambda run: count(run.column(column(YOURS)).size)),
            ("a synced write of 4 kB, p50", partial(winners.time_text, PROBE)),
            *((f"{name}, by the model with this run's fsync", partial(winners.expected_text, name)) for name in names),
            needs=column(YOURS),
        ),
        finding=finding,
        scenario=partial(scenario, names),
        budget_s=4.0,
    )
