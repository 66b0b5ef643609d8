"""What the learner expects, asked before the lab shows its measurement, and settled by what was measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from perflab.lab.record import Record, measured_in_turns

DOUBTFUL = "The run that would settle it is noisy, or cannot be trusted: measure it again."
UNDECIDED = "This run cannot tell: measure it again."
UNMEASURED = "Measure it again to see."

Check = Callable[[Mapping[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class Answer:
    """One choice. `misconception` is said where it was chosen and something else was measured: why one may think so, and why it
    is not so. `reason` is said where it is what was measured; a choice that cannot be has none.
    """

    misconception: str
    reason: str = ""


@dataclass(frozen=True)
class Outcome:
    """The choice that a run bears out, and the number that was measured, as text with its interval: "×183 (181–185)"."""

    choice: str
    measured: str


@dataclass(frozen=True)
class Prediction:
    """A question with choices, and the one or two settings that decide it, which are measured as soon as one is chosen.

    `find` gets a record of each of `runs`, and says what they bear out; None where they have too few samples to tell. The
    controls that a run does not name stand at their starts. Two runs are measured in turns, slice by slice.

    What is `counted` instead of timed, such as hits, is what it is on a busy machine too: a noisy run settles it.
    """

    question: str
    choices: Mapping[str, Answer]
    runs: Sequence[Mapping[str, Any]]
    find: Callable[..., Outcome | None]
    counted: bool = False

    def asked(self, records: Sequence[Record], check: Check) -> list[tuple[Record, ...]]:
        """Of `records`, oldest first, those of exactly the settings in question, the newest first: one by one, or in pairs that
        were measured in turns. `check` fills in the starts of the other controls.
        """
        settings = [check(run) for run in self.runs]
        newest = [run for run in reversed(records) if run.parameters == settings[-1]]
        if len(settings) == 1:
            return [(run,) for run in newest]
        first = [run for run in records if run.parameters == settings[0]]
        return [(less, more) for more in newest for less in first if measured_in_turns(less, more)]

    def outcome(self, records: Sequence[Record], check: Check) -> Outcome | None:
        """What the newest of these runs that can tell bears out."""
        return next((found for runs in self.asked(records, check) if (found := self.find(*runs)) is not None), None)

    def comment(self, answer: str | None, outcome: Outcome) -> str:
        """What stands beside the result once it is settled: the number, and why; what was chosen wrongly, and why not."""
        because = self.choices[outcome.choice].reason
        if answer == outcome.choice:
            return f"You predicted {answer}, and the measurement agrees: {outcome.measured}. {because}"
        told = f"The measurement: {outcome.measured}, so the answer is {outcome.choice}. {because}"
        return told if answer is None else f"You predicted {answer}. {self.choices[answer].misconception} {told}"
