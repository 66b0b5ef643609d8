"""What the learner expects, asked before the lab shows its measurement, and settled by what was measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from perflab.lab.record import Record

DOUBTFUL = "The run that would settle it is noisy, or cannot be trusted: measure again."


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

    def comment(self, answer: str | None, trusted: Sequence[Record], records: Sequence[Record] = ()) -> str:
        """A sentence or two that stand beside the result. Only runs that can be trusted settle it; `records` are all runs."""
        if answer is None:
            return ""
        outcome = self.settle(trusted)
        if outcome is None:
            doubtful = self.settle(records) is not None
            return f"You predicted {answer}. {DOUBTFUL if doubtful else self.hint}"
        if outcome == answer:
            return f"You predicted {answer}, and that is what this machine measured. {self.choices[answer]}"
        return f"You predicted {answer}; this machine measured {outcome}. {self.choices[answer]}"
