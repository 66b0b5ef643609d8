"""What a lab in use has measured so far: its records, the pinned one, the learner's prediction, and the words about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from perflab.lab.display import Words
from perflab.lab.prediction import DOUBTFUL, UNDECIDED, UNMEASURED, Outcome
from perflab.lab.record import Record
from perflab.lab.spec import LabSpec

MAX_RECORDS = 20


class Results:
    """The state of one lab beside its controls."""

    def __init__(self, lab: LabSpec) -> None:
        self._lab = lab
        self.records: list[Record] = []
        self.pinned: Record | None = None
        self.answer: str | None = None
        self.is_answered = False
        self._outcome: Outcome | None = None
        self._pinned_by_question = False
        self._headline = self._scenario = ""

    def add(self, *records: Record) -> None:
        """More runs; the oldest go when there are too many."""
        self.records = [*self.records, *records][-MAX_RECORDS:]

    def pin(self) -> None:
        """Keep the last run to compare with; or, where one is pinned, keep it no longer."""
        last = self.records[-1] if self.records else None
        self.pinned, self._pinned_by_question = last if self.pinned is None else None, False

    def ask(self, answer: str | None) -> Mapping[str, Any]:
        """The learner answered, or skipped (None): the settings to measure, in turns with those of the pinned run."""
        assert self._lab.prediction is not None
        self.answer, self.is_answered = answer, True
        *first, last = map(self._lab.check, self._lab.prediction.runs)
        self.pinned = Record(self._lab.name, first[0], 0, "") if first else None
        self._pinned_by_question = bool(first)
        return last

    def unpin_question(self) -> bool:
        """The learner goes on: what the lab's question had pinned is so no more. False where it had pinned nothing."""
        if not self._pinned_by_question:
            return False
        self.pinned, self._pinned_by_question = None, False
        return True

    def clear(self) -> None:
        """Nothing measured, nothing pinned; the answer stays."""
        self.records, self.pinned, self._pinned_by_question, self._outcome = [], None, False, None
        self._headline = self._scenario = ""

    @property
    def finished(self) -> list[Record]:
        """The runs that came to their end, oldest first: what predictions and claims are judged by."""
        return [record for record in self.records if record.status != "failed"]

    def words(self, record: Record) -> Words:
        """What is said of a run; of one in progress neither how clear it is nor what becomes of the prediction.

        The headline is that of the newest finished run.
        """
        lab, pinned = self._lab, self.pinned
        verdict, running = lab.verdict_of(record, pinned), record.status == "running"
        said = verdict.text if running else str(verdict)
        if not running:
            self._headline = lab.found(record, pinned)
            self._scenario = "" if lab.scenario is None else lab.scenario(record.parameters)
        comment, tables = "" if running else self._comment(), (lab.table(record, pinned), lab.trust(record, pinned))
        return Words(said, *tables, comment, self._headline, self._scenario)

    @property
    def last_words(self) -> Words:
        """What is said of the newest run, or nothing."""
        return self.words(self.records[-1]) if self.records else Words()

    def _comment(self) -> str:
        """What becomes of the prediction. Once it is settled, it stays so until another run settles it otherwise."""
        lab, prediction = self._lab, self._lab.prediction
        if prediction is None or not self.is_answered:
            return ""
        trusted = [record for record in self.finished if lab.may_settle(record)]
        self._outcome = prediction.outcome(trusted, lab.check) or self._outcome
        if self._outcome is not None:
            return prediction.comment(self.answer, self._outcome)
        why = UNDECIDED if prediction.asked(trusted, lab.check) else UNMEASURED
        if why == UNMEASURED and prediction.asked(self.finished, lab.check):
            why = DOUBTFUL
        return why if self.answer is None else f"You predicted {self.answer}. {why}"
