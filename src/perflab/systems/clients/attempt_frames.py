"""What became of a client's attempts since the last time, as a frame."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.measure.frame import Frame
from perflab.systems.clients.attempts import Attempts

MOMENTS = ("arrived_ns", "started_ns", "done_ns")
"""What a `queue` says of a request that it has served."""


class AttemptFrames:
    """Frames of the attempts at the requests of a schedule (ns, shape (n,)); each tells what is new.

    Columns: "arrived_s", when each request was due so far, and "lateness_ns" of its sending; of those that succeeded "number",
    "completed_s", "latency_ns" since they were due, what the server says (`MOMENTS`), and the "key" where they read `keys`;
    "rejected_number" and "failed_number", given up after a refusal or a time-out, with "failed_s"; "retried_s" and "hedged_s",
    when such attempts were sent. Counts: "calls" that succeeded, "rejected", "failures", and "needless" answers, which came
    after their time-out or another answer. Facts: "elapsed_s" and requests "in_flight".
    """

    def __init__(
        self, attempts: Attempts, schedule_ns: NDArray[np.int64], keys: NDArray[np.int64] | None = None
    ) -> None:
        self._attempts, self._schedule, self._keys = attempts, schedule_ns, keys
        self._told = (0, 0, 0, 0, 0)
        self.moments: dict[int, tuple[int, ...]] = {}
        """Of requests that succeeded, by number, until they are told."""

    def next(self, now_ns: int) -> Frame:
        """What is new by now."""
        attempts = self._attempts
        due, ended, failed, sent, needless = self._told
        position = attempts.position
        self._told = position, len(attempts.ended), len(attempts.failed), len(attempts.all), attempts.needless
        numbers = np.array(attempts.ended[ended:], np.int64)
        done_ns = attempts.answered_ns[numbers]
        moments = np.array([self.moments.pop(number) for number in numbers.tolist()], np.int64).reshape(
            -1, len(MOMENTS)
        )
        tries, gave_up = attempts.all[sent:], attempts.failed[failed:]

        def sent_ns(kind: str) -> NDArray[np.int64]:
            return np.array([each.sent_ns for each in tries if each.kind == kind], np.int64)

        def given_up(refused: bool) -> NDArray[np.int64]:
            return np.array([number for number, _, was_refused in gave_up if was_refused == refused], np.int64)

        columns: dict[str, Any] = {
            "arrived_s": self._schedule[due:position] / 1e9,
            "lateness_ns": sent_ns("first") - self._schedule[due:position],
            "number": numbers,
            "completed_s": done_ns / 1e9,
            "latency_ns": done_ns - self._schedule[numbers],
            **dict(zip(MOMENTS, moments.T, strict=True)),
            "rejected_number": given_up(refused=True),
            "failed_number": given_up(refused=False),
            "failed_s": np.array([at for _, at, refused in gave_up if not refused]) / 1e9,
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
