"""The claims of notebook 06, each judged by what this machine has measured. One run that contradicts a claim is enough."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from perflab.chapters.trade_off.advice_model import ADVICE, MEAN, advised, clients_named, other_than
from perflab.chapters.trade_off.batching_model import setting_of
from perflab.chapters.trade_off.compression_model import break_even_mbits, codec_seen, times
from perflab.chapters.trade_off.lever_claims import CLAIMED, favour_one, of_lever
from perflab.chapters.trade_off.plane import ALONE, PER_S, change, direction
from perflab.chapters.trade_off.switchboard import BETWEEN, DEARER, beside_the_presets
from perflab.chapters.trade_off.switchboard_model import AT_ONCE, SINGLE, name_of
from perflab.lab import Record
from perflab.lab.claims import Claim, in_every_run, report_claims, unless_refuted
from perflab.lab.verdict import ratio_text
from perflab.measure import count, percent

Found = tuple[bool, str] | None
SHRUNK = 0.9


def takeaways() -> None:
    """Print the claims of this notebook with the verdicts of this machine."""
    report_claims(CLAIMS)


def _more_throughput(record: Record) -> Found:
    return _batched(record, PER_S, "capacity")


def _more_latency(record: Record) -> Found:
    """A timer is a wait that is added, and no law: for the claim speak only batches of what waits anyway."""
    found = _batched(record, ALONE, "latency alone")
    return None if found is None or (found[0] and record.parameters.get("max_wait")) else found


def _batched(record: Record, column: str, what: str) -> Found:
    """Whether a setting with batches had more of it than single commits."""
    ratio = change(record, column)
    way = None if ratio is None or record.parameters.get("size") == 1 else direction(ratio)
    if ratio is None or way is None:
        return None
    told = f"{setting_of(record)}, {count(record.parameters['threads'])} threads: {what} {ratio_text(ratio)}."
    return way == 1, told


def _compressed(record: Record) -> tuple[int, str] | None:
    ratio = times(record)
    way = None if ratio is None else direction(ratio)
    if ratio is None or way is None:
        return None
    chosen = record.parameters
    reply = f"{chosen['size']} kB of {chosen['kind']}, level {chosen['level']}, {count(chosen['bandwidth'])} Mb/s"
    return way, f"{reply}: {ratio_text(ratio)} the time."


def _is_slow(record: Record) -> bool:
    """Whether the link is so slow that compressing should pay, by its speeds in this run."""
    return bool(record.parameters["bandwidth"] < break_even_mbits(record))


def _raises_latency(record: Record) -> Found:
    """On a fast link it does in any case, and that says nothing of a slow one."""
    found = _compressed(record)
    if found is None or (found[0] == 1 and not _is_slow(record)):
        return None
    return found[0] == 1, found[1]


def _what_shrinks_pays(record: Record) -> Found:
    """On a slow link it does in any case, and that says nothing of a fast one."""
    found, codec = _compressed(record), codec_seen(record)
    if found is None or codec is None or codec.ratio > SHRUNK or (found[0] == -1 and _is_slow(record)):
        return None
    return found[0] == -1, f"shrunk to {percent(codec.ratio)}; {found[1]}"


def _is_advised_well(record: Record) -> Found:
    """Whether the advised preset had the shorter mean response time."""
    advice = advised(record)
    ratio = None if advice is None else change(record, MEAN, advice, other_than(advice))
    way = None if ratio is None else direction(ratio)
    if advice is None or ratio is None or not way:
        return None
    told = f"{clients_named(record.parameters)}: the mean “{advice}”, as advised, is {ratio_text(ratio)} that of the other."
    return way < 0, told


def _advice(records: Sequence[Record]) -> Iterator[Found]:
    """One advice that is wrong refutes the rule; it holds once both of its halves were right."""
    told = [(advised(record), found) for record in reversed(records) if (found := _is_advised_well(record)) is not None]
    is_whole = {advice for advice, _ in told} == {*ADVICE}
    return (found for _, found in told if is_whole or not found[0])


def _paid_for(record: Record) -> Found:
    """Whether a setting with more capacity than both presets pays for it with latency, other than by a timer."""
    found = beside_the_presets(record)
    is_timed = record.parameters["batching"] not in (SINGLE, AT_ONCE)
    if found is None or found.choice == BETWEEN or (found.choice == DEARER and is_timed):
        return None
    return found.choice == DEARER, f"{name_of(record.parameters)}: {found.measured}."


CLAIMS = (
    Claim("Batching raises throughput.", "batching", in_every_run(_more_throughput)),
    Claim("Batching raises latency: that is what its throughput costs.", "batching", in_every_run(_more_latency)),
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
    Claim("Mean above 200 ms: optimize for latency, else for throughput.", "advice", unless_refuted(_advice)),
)
