"""Verdicts: what a run found, how sure that is, and against what it was compared, in one sentence."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from perflab.lab.record import Record
from perflab.measure.clock import STEPS_TO_TELL, clock_step
from perflab.measure.compare import Ratio, paired_ratio
from perflab.measure.estimate import Estimate
from perflab.measure.percentiles import percentile
from perflab.measure.summary import Summary, percentile_name, summarise
from perflab.measure.units import DASH, count, duration, duration_range, number

NOISY = "noisy"
INVALID = "invalid"
LATENCY = "latency_ns"
THIS_RUN, PINNED_RUN = "this run, 95% interval", "pinned run"

Row = tuple[str, ...]


@dataclass(frozen=True)
class Verdict:
    """`kind` is one of the names above, or empty where nothing is compared."""

    text: str
    kind: str = ""

    def __str__(self) -> str:
        return f"{self.text} {self.kind.capitalize()}." if self.kind else self.text


VerdictOf = Callable[[Record, Record | None], Verdict]
TableOf = Callable[[Record, Record | None], list[Row]]


def latency_verdict(record: Record, pinned: Record | None) -> Verdict:
    """Median and p99 of the column "latency_ns", compared with the pinned run by the ratio of the medians."""
    latencies = record.column(LATENCY)
    if not latencies.size:
        return Verdict("Nothing was measured.", INVALID)
    summary = summary_of(record)
    batch = record.fact("batch", 1)
    if batch > 1:
        return _batch_verdict(summary, batch)
    step_ns = step_of(record, summary)
    p50 = f"below {duration(step_ns)}" if summary.median < step_ns else duration(summary.median)
    said = f"p50 {p50}, {percentile_text(summary.percentiles[0.99])} of {count(summary.count)} calls"
    beside = _warm_up_said(summary, "calls") + _step_said(summary, step_ns)
    if pinned is None or pinned is record or (compared := ratio_in_turns(record, pinned)) is None:
        return Verdict(f"{said}.{beside}")
    return Verdict(f"{said}: {against_pinned(compared)}.{beside}", compared.verdict)


def summary_of(record: Record) -> Summary:
    """The summary of the column "latency_ns", which has samples."""
    return summarise(record.column(LATENCY), record.count("failures"), batch=record.fact("batch", 1))


def step_of(record: Record, summary: Summary) -> float:
    """In which steps (ns) the clock told this run, by what it told and by what the system says of it."""
    known_ns = 0.0 if record.noise is None else record.noise.resolution_ns / record.fact("batch", 1)
    return max(summary.step, known_ns)


def _warm_up_said(summary: Summary, what: str) -> str:
    if not summary.warm_up:
        return ""
    return f" The first {count(summary.warm_up)} of {count(summary.warm_up + summary.count)} {what} left out: warm-up."


def _step_said(summary: Summary, step_ns: float) -> str:
    if summary.median >= STEPS_TO_TELL * step_ns:
        return ""
    return f" The clock moves in steps of {duration(step_ns)}, too coarse for calls this short: time them in batches."


def _batch_verdict(summary: Summary, batch: int) -> Verdict:
    mean = summary.mean
    interval = f" [{duration_range(mean.low, mean.high)}]" if mean.has_interval else ""
    return Verdict(
        f"Mean of one call {duration(mean.value)}{interval}, from {count(summary.count)} batches of {count(batch)}. "
        "A batch hides its slowest call: there is no percentile of single calls."
        f"{_warm_up_said(summary, 'batches')}"
    )


def latency_table(record: Record, pinned: Record | None) -> list[Row]:
    """Rows of statistic, this run with its 95% interval, and the pinned run."""
    columns = columns_of(record, pinned)
    runs = columns.values()
    told = [(run, summary_of(run)) for run in runs]
    summaries = [summary for _, summary in told]
    if not summaries:
        return []
    rows: list[Row] = [("", *columns)]
    rows.append(("samples", *(count(summary.count) for summary in summaries)))
    if any(summary.warm_up for summary in summaries):
        rows.append(("left out: warm-up", *(count(summary.warm_up) for summary in summaries)))
    rows.append(("failures", *(count(summary.failures) for summary in summaries)))
    rows.append(("batch size", *(count(run.fact("batch", 1)) for run in runs)))
    rows.append(("mean", *(estimate_text(summary.mean) for summary in summaries)))
    if all(run.fact("batch", 1) == 1 for run in runs):
        for share in summaries[0].percentiles:
            rows.append(
                (percentile_name(share), *(_told(run, summary.percentiles[share], summary) for run, summary in told))
            )
    rows.append(("min to max", *(duration_range(summary.minimum, summary.maximum) for summary in summaries)))
    return rows


def _told(record: Record, estimate: Estimate, summary: Summary) -> str:
    step_ns = step_of(record, summary)
    return f"below {duration(step_ns)}" if estimate.value < step_ns else estimate_text(estimate)


def percentile_text(estimate: Estimate) -> str:
    """`p99 3.1 µs [2.9–3.4 µs]`, or why there is no such interval or percentile yet."""
    if not estimate.stands:
        return estimate.shortage
    if not estimate.has_interval:
        return f"{estimate.name} {duration(estimate.value)} ({estimate.shortage})"
    return f"{estimate.name} {duration(estimate.value)} [{duration_range(estimate.low, estimate.high)}]"


def estimate_text(estimate: Estimate) -> str:
    """`3.1 µs, 2.9–3.4 µs` for a table, or why there is no interval yet."""
    if not estimate.has_interval:
        return f"{duration(estimate.value)}, {estimate.shortage}" if estimate.shortage else DASH
    return f"{duration(estimate.value)}, {duration_range(estimate.low, estimate.high)}"


def ratio_text(compared: Ratio) -> str:
    """`2.10× (1.90–2.30)`, or that there are too few samples for an interval."""
    if not compared.has_interval:
        return f"{number(compared.value, 3)}× (too few samples for an interval)"
    return f"{number(compared.value, 3)}× ({number(compared.low, 3)}–{number(compared.high, 3)})"


def against_pinned(compared: Ratio) -> str:
    """How many times above or below the pinned run, with the interval of the ratio."""
    if compared.value >= 1:
        return f"{ratio_text(compared)} above the pinned run"
    low = 1 / compared.low if compared.low > 0 else math.inf
    return f"{ratio_text(Ratio(1 / compared.value, 1 / compared.high, low))} below the pinned run"


def judged(verdict: Verdict, record: Record) -> Verdict:
    """The verdict with what the experiment says about its own numbers (the fact "caveat"); "noisy" where the machine was too
    busy for it to hold. The part that a failed run had measured decides nothing.
    """
    if caveat := record.fact("caveat"):
        verdict = replace(verdict, text=f"{verdict.text} {caveat}")
    if record.status == "failed":
        return Verdict(f"Failed after {duration(record.measured_s * 1e9)}: {verdict.text}", INVALID)
    too_busy = record.noise is not None and record.noise.noisy and verdict.kind != INVALID
    return replace(verdict, kind=NOISY) if too_busy else verdict


Say = Callable[[Record], str | Verdict]
Guard = Callable[[Record], Verdict | None]
Compare = Callable[[Record, Record], tuple[str, str] | None]


def verdict_of(
    say: Say, *guards: Guard, compare: Compare | None = None, needs: str = LATENCY, empty: str = "Nothing was measured."
) -> VerdictOf:
    """A verdict from what is to say of one run, where the column `needs` has samples and no guard says that nothing can be said.

    `say` returns a sentence, to which `compare(record, pinned)` adds its own and a kind, or None; or a whole `Verdict`, which
    stands alone: a saturated server, for example, has no response time that could be compared.
    """

    def of_one(record: Record) -> str | Verdict:
        if not record.column(needs).size:
            return Verdict(empty, INVALID)
        return next((refused for guard in guards if (refused := guard(record))), None) or say(record)

    def verdict(record: Record, pinned: Record | None) -> Verdict:
        said = of_one(record)
        if isinstance(said, Verdict):
            return said
        if compare is None or pinned is None or pinned is record or not pinned.column(needs).size:
            return Verdict(said)
        if isinstance(other := of_one(pinned), Verdict):
            return Verdict(f"{said} The pinned run: {other.text}")
        compared = compare(record, pinned)
        return Verdict(said) if compared is None else Verdict(f"{said} {compared[0]}", compared[1])

    return verdict


def ratio_in_turns(record: Record, pinned: Record, column: str = LATENCY, share: float = 0.5) -> Ratio | None:
    """How many times that of the pinned run one percentile of a column is: the median of the ratios of single slices, which were
    measured in turns. None where no slice has samples of both. Latencies of requests that arrive are those of a queue.
    """
    slices = zip(record.slices(column), pinned.slices(column), strict=False)
    pairs = [(percentile(new, share), percentile(old, share)) for new, old in slices if new.size and old.size]
    told = np.array([pair for pair in pairs if min(pair) > 0])
    step = max(clock_step(run.column(column)) for run in (record, pinned)) if share == 0.5 else 0.0
    queued = column.endswith(LATENCY) and record.column("arrived_ns").size > 0
    return paired_ratio(told[:, 0], told[:, 1], step, queued) if told.size else None


def percentile_of(column: str = LATENCY, what: str = "The p50", share: float = 0.5) -> Compare:
    """A percentile against that of the pinned run."""

    def compare(record: Record, pinned: Record) -> tuple[str, str] | None:
        compared = ratio_in_turns(record, pinned, column, share)
        return None if compared is None else (f"{what} is {against_pinned(compared)}.", compared.verdict)

    return compare


def columns_of(
    record: Record, pinned: Record | None, needs: str = LATENCY, heading: str = THIS_RUN
) -> dict[str, Record]:
    """The columns of a table: each run that has samples of `needs`, under its own name even where it stands alone."""
    named = {heading: record, PINNED_RUN: pinned}
    return {name: run for name, run in named.items() if run is not None and run.column(needs).size}


def table_of(*rows: tuple[str, Callable[[Record], str]], needs: str = LATENCY, heading: str = THIS_RUN) -> TableOf:
    """A table with a row for each (name, text of a run), a column for this run, and one for the pinned run if there is one."""

    def table(record: Record, pinned: Record | None) -> list[Row]:
        columns = columns_of(record, pinned, needs, heading)
        return [("", *columns), *((name, *map(text, columns.values())) for name, text in rows)] if columns else []

    return table


def trust_of(*rows: tuple[str, Callable[[Record], str]], needs: str = LATENCY) -> TableOf:
    """The table of what tells how far a run can be trusted: numbers without intervals."""
    return table_of(*rows, needs=needs, heading="this run")


def no_rows(record: Record, pinned: Record | None) -> list[Row]:
    """No table."""
    return []
