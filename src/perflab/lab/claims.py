"""Claims that learners have read, and what this machine has measured about each of them so far."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from perflab.lab.record import Record

Judge = Callable[[Sequence[Record]], tuple[bool | None, str] | None]


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
            return f"·  {self.text}\n   Not measured yet: see the lab {self.lab.replace('_', ' ')!r}."
        holds, numbers = found
        if holds is None:
            return f"–  {self.text}\n   Not measured here: {numbers}"
        return f"{'✓' if holds else '✗'}  {self.text}\n   {'Holds' if holds else 'Does not hold'} here: {numbers}"


def report_claims(claims: Sequence[Claim]) -> None:
    """Print every claim with its verdict from the labs that have been used in this notebook: its last cell."""
    from perflab.lab.stage import records_of, return_to_the_first_question

    print("\n".join(claim.report(records_of(claim.lab)) for claim in claims))
    return_to_the_first_question()
