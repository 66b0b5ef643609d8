"""What a session shows itself on: widgets in a notebook, a list in a test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from perflab.lab.record import Record


@dataclass(frozen=True)
class Words:
    """What is said of a run: the verdict, the results, how far they can be trusted, and what became of the prediction; above the
    chart the headline, and what was done.

    The first row of a table is its heading.
    """

    verdict: str = ""
    table: Sequence[tuple[str, ...]] = ()
    trust: Sequence[tuple[str, ...]] = ()
    comment: str = ""
    headline: str = ""
    scenario: str = ""


class Display(Protocol):
    """All methods are called by the conductor's thread."""

    def show_model(self, parameters: Mapping[str, Any], model: Any) -> None: ...
    def show_run(self, record: Record | None, runs: Sequence[Record]) -> None: ...
    def show_pinned(self, record: Record | None) -> None: ...
    def show_answer(self, answer: str | None) -> None: ...
    def show_progress(self, share: float, text: str) -> None: ...
    def show_words(self, words: Words) -> None: ...
    def show_details(self, text: str) -> None: ...
    def keep(self, is_measured: bool) -> None: ...
    def set_controls(self, parameters: Mapping[str, Any]) -> None: ...
    def close(self) -> None: ...
