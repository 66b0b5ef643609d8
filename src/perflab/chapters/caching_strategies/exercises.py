"""Checks of the exercises of notebook 08. A check says what is wrong; an open exercise says what to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from perflab.chapters.caching_strategies import kill_model, stale_reads
from perflab.chapters.caching_strategies.stale_reads_model import ENTRIES, READS, STALE, WRONG, simulated
from perflab.chapters.judging import OPEN, RIGHT, Case, attempt, is_function, is_run_of, judge, judge_cases
from perflab.lab import Lab, Record, choice
from perflab.lab.verdict import no_rows
from perflab.measure import count, percent
from perflab.systems.caches.races import CHECKED, WRITE_FIRST, Rule
from perflab.systems.servers.victim import BEHIND

RATE, KEYS, MAX_LOST = 2_000, 1_000, 50


def check_few_lost(record: Record | None) -> None:
    """Modify: a crash of write-behind that loses at most 50 writes, with one setting changed."""
    if record is None:
        print(f"{OPEN}Run the lab with one setting changed, neither the strategy nor the rate; keep it in `few_lost`.")
        return
    if not is_run_of(record, "kill", "lost"):
        return
    chosen, lost = record.parameters, record.column("lost")
    fixed = {"strategy": BEHIND, "rate": RATE, "keys": KEYS}
    wrong = {name: value for name, value in fixed.items() if chosen[name] != value}
    most = chosen["rate"] * chosen["flush"] / 1e3
    if wrong:
        name, value = next(iter(wrong.items()))
        print(f"Not yet: `{name}` should be {value!r}; something else decides how old the oldest pending write is.")
    elif most >= MAX_LOST:
        print(f"Not yet: {count(most)} writes come between two flushes of {chosen['flush']} ms, and all may be lost.")
    elif lost.max() > MAX_LOST:
        told = f"{count(most)} writes come between two flushes, but your kills lost up to {count(lost.max())}"
        print(f"Not yet: {told}. A commit takes its time, too: leave it a margin.")
    else:
        told = f"{count(most)} writes come between two flushes; a commit adds a few"
        print(f"{RIGHT}: {told}. Your kills lost {kill_model.range_said(lost)}. The price: more commits per second.")


class Setting(NamedTuple):
    """Store time (ms), keys and writers of simulated runs."""

    store_ms: float
    keys: int
    writers: int


SETTINGS = (Setting(5.0, 10, 2), Setting(2.0, 3, 4), Setting(10.0, 50, 8))
SLICES, ENOUGH = 40, 0.7
"""Of simulated runs; and which share of the hits of a cache without a check must remain."""
HOW = "`fill` and `delete` get the cache, a dict of notes, the key and the version."


def check_rules(fill: Rule, delete: Rule) -> Lab | None:
    """Make: a version check at the fill. Returns the lab with these rules."""
    if not all(is_function(each, HOW) for each in (fill, delete)):
        return None
    found = attempt(lambda: [simulated(CHECKED, *each, 7, SLICES, fill, delete) for each in SETTINGS], HOW)
    if found is None:
        return None
    plain = [simulated(WRITE_FIRST, *each, 7, SLICES) for each in SETTINGS]
    for setting, yours, others in zip(SETTINGS, found, plain, strict=True):
        name = f"{setting.keys} keys, {setting.writers} writers, store {setting.store_ms:g} ms"
        if yours[STALE] or yours[WRONG]:
            told = f"{count(yours[STALE])} of {count(yours[READS])} reads are stale, {count(yours[WRONG])} of "
            print(
                f"{OPEN}{name}: {told}{count(yours[ENTRIES])} entries stay wrong. What does a late fill have to know?"
            )
            break
        if hits(yours) < ENOUGH * hits(others):
            print(f"{OPEN}{name}: no read is stale, but only {percent(hits(yours))} hit. Keep what is not too old.")
            break
    else:
        print(
            f"{RIGHT}: no read is stale in any of these simulated runs, and the cache still hits. The lab uses your rules."
        )
    return replace(
        stale_reads.lab(),
        question="What do your rules do?",
        controls={**stale_reads.lab().controls, "order": choice([CHECKED, WRITE_FIRST], label="order")},
        policy={"fill": fill, "delete": delete},
        prediction=None,
        scenario=None,
        trust=no_rows,
    )


def hits(run: dict[str, int]) -> float:
    """Share of reads that hit."""
    return 1 - run["fills"] / max(1, run[READS])


SLOWER_READS = {
    "raise the hit ratio": "with 100% hits a read would still take 150 µs, against 8 µs without the cache.",
    "the cache is slower than the store": "Right: h·T_c + (1 − h)·(T_c + T_d) is at least T_c = 150 µs, whatever h is, and the "
    "store alone takes 8 µs. Such a cache pays where the store is far or loaded: it takes 1/(1 − h) of the load off it.",
    "redis needs more memory": "memory decides what is hit. A hit alone takes longer than the store does.",
}
SLOW_SITE = {
    "the hits": "a page without a miss takes 30 · 0.2 = 6 ms.",
    "the misses": "Right: 1 − 0.99³⁰ = 26% of the pages have a miss, and each miss takes 150 ms. Misses are 88% of the mean time "
    "of a read. Make them rarer, quicker, or read at the same time.",
    "the mean": "the mean read takes 1.7 ms, which no read takes: a hit takes 0.2 ms, a miss 150 ms.",
}


def check_slower_reads(answer: str | None) -> None:
    """Judge: Redis made our reads slower."""
    judge(answer, SLOWER_READS)


def check_slow_site(answer: str | None) -> None:
    """Judge: 99% hits and a slow site."""
    judge(answer, SLOW_SITE)


class Behind:
    """A cache that writes behind, on a clock of its own: a write takes `write_s`, a flush `flush_s` and `row_s` for each key."""

    def __init__(self, write_s: float, flush_s: float, row_s: float) -> None:
        self.now_s, self._write_s, self._flush_s, self._row_s = 0.0, write_s, flush_s, row_s
        self.pending: set[int] = set()

    def clock(self) -> float:
        """Seconds."""
        return self.now_s

    def write(self, key: int, value: object) -> None:
        """Acknowledged, and pending."""
        self.now_s += self._write_s
        self.pending.add(key)

    def flush(self) -> None:
        """Pending writes are in the store."""
        if self.pending:
            self.now_s += self._flush_s + self._row_s * len(self.pending)
        self.pending.clear()


Benchmark = Callable[[Behind, Sequence[int], Callable[[], float]], float]
BENCHMARKS = {
    "1,000 writes of 1,000 keys:": (Behind, (1e-6, 5e-3, 1e-5), range(1_000)),
    "1,000 writes of 10 keys:": (Behind, (1e-6, 5e-3, 1e-5), [key % 10 for key in range(1_000)]),
    "a store of 2 s:": (Behind, (1e-5, 2.0, 0.0), range(50)),
}


def check_the_lie(writes_per_s: Benchmark) -> None:
    """Spot the lie: a benchmark that stops its clock before the writes are stored."""
    if not is_function(writes_per_s, "`writes_per_s` gets cache, keys and clock, and returns a number."):
        return

    def case(name: str, kind: type[Behind], takes: tuple[float, float, float], keys: Sequence[int]) -> Case:
        def measured() -> float:
            cache = kind(*takes)
            return writes_per_s(cache, list(keys), cache.clock)

        once = takes[0] * len(keys) + takes[1] + takes[2] * len(set(keys))
        return Case(name, measured, len(keys) / once, 0.02 * len(keys) / once)

    cases = [case(name, *each) for name, each in BENCHMARKS.items()]
    judge_cases(cases, "a write counts once it is stored. Flush before you stop the clock.", "caches", " writes/s")
