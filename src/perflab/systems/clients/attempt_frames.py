"""What became of a client's attempts since the last time, as a frame."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.measure.frame import Frame
from perflab.systems.clients.attempts import Attempts

MOMENTS = ("arrived_ns", "started_ns", "done_ns")
"""What a `queue` says of a request that it has served."""
TOLD = (*MOMENTS, "server")


class AttemptFrames:
    """Frames of the attempts at the requests of a schedule (ns, shape (n,)); each tells what is new.

    Columns: "arrived_s", when each request was due so far, and "lateness_ns" of its sending; of those that succeeded "number",
    "completed_s", "latency_ns" since they were due, what the server says (`MOMENTS`) and which "server" it was, which is told
    of needless answers too ("needless_…"), and the "key" where they read `keys`; "rejected_number" and "rejected_s", given up
    after a refusal, "failed_number" and "failed_s" after a time-out; "retried_s" and "hedged_s", when such attempts were sent.
    Counts: "calls" that succeeded, "rejected", "failures", and "needless" answers, which came after their time-out or another
    answer.
    Facts: "elapsed_s" and requests "in_flight".
    """

    def __init__(
        self, attempts: Attempts, schedule_ns: NDArray[np.int64], keys: NDArray[np.int64] | None = None
    ) -> None:
        self._attempts, self._schedule, self._keys = attempts, schedule_ns, keys
        self._told = (0, 0, 0, 0, 0)
        self._moments: dict[int, tuple[int, ...]] = {}
        self._needless: list[tuple[int, ...]] = []

    def note(self, attempt: int, is_awaited: bool, moments: tuple[int, ...]) -> None:
        """What the server says (`MOMENTS`) of its answer to this attempt, the awaited one or a needless one."""
        tried = self._attempts.all[attempt]
        if is_awaited:
            self._moments[tried.number] = *moments, tried.server
        else:
            self._needless.append((*moments, tried.server))

    def next(self, now_ns: int) -> Frame:
        """What is new by now."""
        attempts = self._attempts
        due, ended, failed, sent, needless = self._told
        position = attempts.position
        self._told = position, len(attempts.ended), len(attempts.failed), len(attempts.all), attempts.needless
        numbers = np.array(attempts.ended[ended:], np.int64)
        done_ns = attempts.answered_ns[numbers]
        moments = [self._moments.pop(number) for number in numbers.tolist()]
        unasked, self._needless = self._needless, []
        tries, gave_up = attempts.all[sent:], attempts.failed[failed:]

        def sent_ns(kind: str) -> NDArray[np.int64]:
            return np.array([each.sent_ns for each in tries if each.kind == kind], np.int64)

        def given_up(name: str, refused: bool) -> dict[str, NDArray[Any]]:
            those = [(number, at) for number, at, was_refused in gave_up if was_refused == refused]
            numbers, moments = np.array(those, np.int64).reshape(-1, 2).T
            return {f"{name}_number": numbers, f"{name}_s": moments / 1e9}

        columns: dict[str, Any] = {
            "arrived_s": self._schedule[due:position] / 1e9,
            "lateness_ns": sent_ns("first") - self._schedule[due:position],
            "number": numbers,
            "completed_s": done_ns / 1e9,
            "latency_ns": done_ns - self._schedule[numbers],
            **_columns("", moments),
            **_columns("needless_", unasked),
            **given_up("rejected", refused=True),
            **given_up("failed", refused=False),
            "retried_s": sent_ns("retry") / 1e9,
            "hedged_s": sent_ns("hedge") / 1e9,
        }
        if self._keys is not None:
            columns["key"] = self._keys[numbers]
        counts = {
            "calls": numbers.size,
            "rejected": columns["rejected_number"].size,
            "failures": columns["failed_number"].size,
            "needless": attempts.needless - needless,
        }
        return Frame(columns, counts, {"elapsed_s": now_ns / 1e9, "in_flight": attempts.in_flight})


def _columns(prefix: str, moments: list[tuple[int, ...]]) -> dict[str, NDArray[np.int64]]:
    columns = np.array(moments, np.int64).reshape(-1, len(TOLD)).T
    return {f"{prefix}{name}": column for name, column in zip(TOLD, columns, strict=True)}
