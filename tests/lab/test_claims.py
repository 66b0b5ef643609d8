"""How claims are judged over all runs: what decides counts first, in whatever order the runs were made."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import Any

import pytest

from perflab.lab.claims import Claim, Found, Judge, in_every_pair, in_every_run, in_some_run, once_shown, unless_refuted
from perflab.lab.record import Record

FOR, AGAINST, SILENT, NOT_HERE = "for", "against", "silent", "not here"
TOLD: dict[str, Found | None] = {FOR: (True, "1."), AGAINST: (False, "2."), NOT_HERE: (None, "no."), SILENT: None}


def run(says: str, seed: int = 1, **parameters: Any) -> Record:
    """A run that says so of the claim."""
    return Record("any", {"says": says, **parameters}, seed, "")


def told(record: Record) -> Found | None:
    return TOLD[record.parameters["says"]]


def holds(judge: Judge, records: Sequence[Record]) -> Any:
    return Claim("Any.", "any", judge).report(records)[0]


RUNS = [
    ((FOR, AGAINST), "✗", "✓"),
    ((FOR, AGAINST, SILENT, NOT_HERE), "✗", "✓"),
    ((FOR, SILENT, NOT_HERE), "✓", "✓"),
    ((AGAINST, SILENT), "✗", "✗"),
    ((NOT_HERE, SILENT), "–", "–"),
    ((SILENT,), "·", "·"),
    ((), "·", "·"),
]


@pytest.mark.parametrize(("says", "every", "some"), RUNS)
def test_what_decides_counts_first_in_any_order(says: tuple[str, ...], every: str, some: str) -> None:
    for order in permutations(map(run, says)):
        assert holds(in_every_run(told), order) == every
        assert holds(in_some_run(told), order) == some
        assert holds(unless_refuted(lambda records: map(told, records)), order) == every
        assert holds(once_shown(lambda records: map(told, records)), order) == some


def test_runs_with_other_settings_say_nothing() -> None:
    records = [run(AGAINST, batch=2), run(FOR, batch=1)]
    assert holds(in_every_run(told, batch=1), records) == "✓" and holds(in_some_run(told, batch=2), records) == "✗"


def test_of_runs_that_speak_alike_the_newest_is_told() -> None:
    for judge in (in_every_run, in_some_run):
        assert judge(lambda record: (True, f"{record.seed}."))([run(FOR, 1), run(FOR, 2)]) == (True, "2.")


def test_one_pair_refutes_and_each_comes_with_less_of_the_control_first() -> None:
    def fewer(less: Record, more: Record) -> Found | None:
        return less.seed < more.seed, f"{less.seed} and {more.seed}."

    good, bad = [run(FOR, 1, lanes=1), run(FOR, 2, lanes=2)], [run(AGAINST, 4, lanes=1), run(AGAINST, 3, lanes=2)]
    judge = in_every_pair("lanes", fewer)
    assert judge(good) == (True, "1 and 2.") and judge(good[:1]) is None
    for order in ([*good, *bad], [*bad, *good]):
        found = judge(order)
        assert found is not None and not found[0]
