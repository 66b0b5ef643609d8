"""The claims of notebook 06, each judged by what this machine has measured. One run that contradicts a claim is enough."""

from __future__ import annotations

from functools import partial

from perflab.chapters.trade_off.advice_model import MEAN, advised, clients_named, other_than
from perflab.chapters.trade_off.batching_model import setting_of
from perflab.chapters.trade_off.compression_model import codec_seen, times
from perflab.chapters.trade_off.lever_claims import CLAIMED, favour_one, of_lever
from perflab.chapters.trade_off.plane import ALONE, PER_S, change, direction
from perflab.chapters.trade_off.switchboard import BETWEEN, DEARER, beside_the_presets
from perflab.chapters.trade_off.switchboard_model import name_of
from perflab.lab import Record
from perflab.lab.claims import Claim, Judge, in_every_run, report_claims, unless_refuted
from perflab.lab.verdict import ratio_text
from perflab.measure import count, percent

Found = tuple[bool, str] | None
SHRUNK = 0.9


def takeaways() -> None:
    """Print the claims of this notebook with the verdicts of this machine."""
    report_claims(CLAIMS)


def _batch(column: str, what: str) -> Judge:
    """Whether each setting with batches had more of it than single commits."""

    def find(record: Record) -> Found:
        ratio = change(record, column)
        way = None if ratio is None or record.parameters.get("size") == 1 else direction(ratio)
        if ratio is None or way is None:
            return None
        told = f"{setting_of(record)}, {count(record.parameters['threads'])} threads: {what} {ratio_text(ratio)}."
        return way == 1, told

    return in_every_run(find)


def _compressed(record: Record) -> tuple[int, str] | None:
    ratio = times(record)
    way = None if ratio is None else direction(ratio)
    if ratio is None or way is None:
        return None
    chosen = record.parameters
    reply = f"{chosen['size']} kB of {chosen['kind']}, level {chosen['level']}, {count(chosen['bandwidth'])} Mb/s"
    return way, f"{reply}: {ratio_text(ratio)} the time."


def _raises_latency(record: Record) -> Found:
    found = _compressed(record)
    return None if found is None else (found[0] == 1, found[1])


def _what_shrinks_pays(record: Record) -> Found:
    found, codec = _compressed(record), codec_seen(record)
    if found is None or codec is None or codec.ratio > SHRUNK:
        return None
    return found[0] == -1, f"shrunk to {percent(codec.ratio)}; {found[1]}"


def _advice(record: Record) -> Found:
    """Whether the advised preset had the shorter mean response time."""
    advice = advised(record)
    ratio = None if advice is None else change(record, MEAN, advice, other_than(advice))
    way = None if ratio is None else direction(ratio)
    if advice is None or ratio is None or not way:
        return None
    told = f"{clients_named(record.parameters)}: the mean “{advice}”, as advised, is {ratio_text(ratio)} that of the other."
    return way < 0, told


def _paid_for(record: Record) -> Found:
    """Whether a setting with more capacity than both presets pays for it with latency."""
    found = beside_the_presets(record)
    if found is None or found.choice == BETWEEN:
        return None
    return found.choice == DEARER, f"{name_of(record.parameters)}: {found.measured}."


CLAIMS = (
    Claim("Batching raises throughput.", "batching", _batch(PER_S, "capacity")),
    Claim("Batching raises latency: that is what its throughput costs.", "batching", _batch(ALONE, "latency alone")),
    Claim("Compressing raises latency, because it adds work.", "compression", in_every_run(_raises_latency)),
    Claim("What shrinks is worth compressing.", "compression", in_every_run(_what_shrinks_pays)),
    *(
        Claim(
            f"{lever.capitalize()}: latency {latency.text}, throughput {throughput.text}.",
            "levers",
            unless_refuted(partial(of_lever, lever)),
        )
        for lever, (latency, throughput) in CLAIMED.items()
    ),
    Claim(
        "Most optimizations favor one of the two, latency or throughput, at the cost of the other.",
        "levers",
        favour_one,
    ),
    Claim("More throughput is paid for with latency.", "switchboard", in_every_run(_paid_for)),
    Claim("Mean above 200 ms: optimize for latency, else for throughput.", "advice", in_every_run(_advice)),
)
