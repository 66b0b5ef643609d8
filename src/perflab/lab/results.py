"""What a lab in use has measured so far: its records, the pinned one, the learner's prediction, and the words about them."""

from __future__ import annotations

from perflab.lab.display import Words
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

    def add(self, record: Record) -> None:
        """One run more; the oldest go when there are too many."""
        self.records = [*self.records, record][-MAX_RECORDS:]

    def pin(self) -> None:
        """Keep the last run to compare with."""
        self.pinned = self.records[-1] if self.records else None

    def clear(self) -> None:
        """Nothing measured, nothing pinned; the prediction stays."""
        self.records, self.pinned = [], None

    @property
    def finished(self) -> list[Record]:
        """The runs that came to their end, oldest first: what predictions and claims are judged by."""
        return [record for record in self.records if record.status != "failed"]

    def words(self, record: Record) -> Words:
        """What is said of a run; of one in progress neither how clear it is nor what becomes of the prediction."""
        lab, pinned = self._lab, self.pinned
        verdict, running = lab.verdict_of(record, pinned), record.status == "running"
        comment = "" if running or lab.prediction is None else lab.prediction.comment(self.answer, *self._settling())
        said = verdict.text if running else str(verdict)
        return Words(said, lab.table(record, pinned), lab.trust(record, pinned), comment)

    def _settling(self) -> tuple[list[Record], list[Record]]:
        finished = self.finished
        return [record for record in finished if self._lab.can_be_trusted(record)], finished
