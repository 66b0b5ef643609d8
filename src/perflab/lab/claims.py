"""Claims that learners have read, and what this machine has measured about each of them so far.

Most are general ("a cache makes reads faster"): one run that speaks against such a claim refutes it, and no milder run after it
takes that back. A run that could not have spoken against it says nothing for it either: of such runs a judge is told None.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from perflab.lab.record import Record
from perflab.lab.settle import pairs

Found = tuple[bool | None, str]
"""Whether a claim holds, and with which numbers; None, and why this machine cannot measure it."""
Judge = Callable[[Sequence[Record]], Found | None]
Tell = Callable[[Sequence[Record]], Iterable[Found | None]]


@dataclass(frozen=True)
class Claim:
    """`judge` gets the records of the lab called `lab`, oldest first; it says whether the claim holds here and with which
    numbers, or None while they do not decide it. Neither true nor false (None, and why): this machine cannot measure it.
    """

    text: str
    lab: str
    judge: Judge

    def report(self, records: Sequence[Record]) -> str:
        """One line: the claim, and the verdict."""
        found = self.judge(records)
        if found is None:
            return f"·  {self.text}\n   Not decided yet: see the lab {self.lab.replace('_', ' ')!r}."
        holds, numbers = found
        if holds is None:
            return f"–  {self.text}\n   Not measured here: {numbers}"
        return f"{'✓' if holds else '✗'}  {self.text}\n   {'Holds' if holds else 'Does not hold'} here: {numbers}"


def unless_refuted(tell: Tell) -> Judge:
    """Of a general claim: the first of what `tell` finds that speaks against it; without one the first that speaks for it."""
    return lambda records: _first(tell(records), False)


def once_shown(tell: Tell) -> Judge:
    """Of a claim that something can happen: the first that shows it; without one the first that speaks against it."""
    return lambda records: _first(tell(records), True)


def in_every_run(find: Callable[[Record], Found | None], **where: Any) -> Judge:
    """A general claim on runs with these parameters, each judged for itself; of several that speak alike the newest is told."""
    return unless_refuted(lambda records: map(find, _newest(records, where)))


def in_some_run(find: Callable[[Record], Found | None], **where: Any) -> Judge:
    """A claim that something can happen, on runs with these parameters; of several that speak alike the newest is told."""
    return once_shown(lambda records: map(find, _newest(records, where)))


def in_every_pair(control: str, find: Callable[[Record, Record], Found | None]) -> Judge:
    """A general claim on pairs of runs that differ in one control only: `find` gets the one with less of it first."""
    return unless_refuted(lambda records: (find(less, more) for less, more in pairs(records, control)))


def _newest(records: Sequence[Record], where: dict[str, Any]) -> Iterable[Record]:
    return (run for run in reversed(records) if where.items() <= run.parameters.items())


def _first(told: Iterable[Found | None], decisive: bool) -> Found | None:
    """The first with the decisive answer, else with the other, else what cannot be measured here."""
    found = [each for each in told if each is not None]
    for holds in (decisive, not decisive):
        for each in found:
            if each[0] == holds:
                return each
    return next(iter(found), None)


def report_claims(claims: Sequence[Claim]) -> None:
    """Print every claim with its verdict from the labs that have been used in this notebook: its last cell."""
    from perflab.lab.stage import records_of, return_to_the_first_question

    print("\n".join(claim.report(records_of(claim.lab)) for claim in claims))
    return_to_the_first_question()
