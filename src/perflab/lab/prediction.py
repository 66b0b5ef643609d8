"""What the learner expects, asked before the lab shows its measurement, and settled by what was measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from perflab.lab.record import Record


@dataclass(frozen=True)
class Prediction:
    """A question with choices; each choice carries the idea behind it, which is named when it turns out wrong.

    `settle` looks at all records of the lab, oldest first, and returns the choice that they bear out, or None while the
    settings that decide it have not been measured; `hint` says which settings those are.
    """

    question: str
    choices: Mapping[str, str]
    settle: Callable[[Sequence[Record]], str | None]
    hint: str

    def comment(self, answer: str | None, records: Sequence[Record]) -> str:
        """A sentence or two that stand beside the result. Quiet runs settle it where they can, others only with a doubt."""
        if answer is None:
            return ""
        quiet = [record for record in records if record.noise is None or not record.noise.noisy]
        outcome, doubt = self.settle(quiet), ""
        if outcome is None:
            outcome, doubt = self.settle(records), " The machine was noisy: measure again to be sure."
        if outcome is None:
            return f"You predicted {answer}. {self.hint}"
        if outcome == answer:
            return f"You predicted {answer}, and that is what this machine measured. {self.choices[answer]}{doubt}"
        return f"You predicted {answer}; this machine measured {outcome}. {self.choices[answer]}{doubt}"
