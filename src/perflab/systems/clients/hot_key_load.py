"""Reads of one hot key by a schedule, in slices between which server and schedule stand still."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from perflab.measure.frame import Frame
from perflab.systems.clients.loading import SLICE_S
from perflab.systems.servers.hot_key_server import HotKeyServer


def hot_key_load(server: HotKeyServer, schedule_ns: NDArray[np.int64], seconds: float) -> Iterator[Frame]:
    """Frames of so many seconds from `begin` on; `schedule_ns` of shape (n,) is what the server was told there.

    Columns: "arrived_s", when each read was due so far; of each that was answered "number", "kind", "completed_s", "latency_ns"
    since it was due, and "waited_ns" for a thread. Of each report "decided_s", when a read decided on it; of each that has begun
    "begun_number", of which read it is, and "begun_s"; of each that has ended "of_s", "began_s", "ended_s" and "cpu_ns". Count:
    "calls". Facts: "elapsed_s" and reads "in_flight".
    """
    due = answered = elapsed_ns = 0
    end_ns = round(1e9 * seconds)
    while elapsed_ns < end_ns:
        time.sleep(min(SLICE_S, (end_ns - elapsed_ns) / 1e9))
        found = {name: np.array(column, np.int64) for name, column in server.pause().items()}
        elapsed_ns, number = int(found["elapsed_ns"]), found["number"]
        until, answered = int(np.searchsorted(schedule_ns, elapsed_ns, "right")), answered + number.size
        columns = {
            "arrived_s": schedule_ns[due:until] / 1e9,
            "number": number,
            "kind": found["kind"],
            "completed_s": found["done_ns"] / 1e9,
            "latency_ns": found["done_ns"] - schedule_ns[number],
            "waited_ns": found["started_ns"] - schedule_ns[number],
            **{f"{name}_s": found[f"{name}_ns"] / 1e9 for name in ("decided", "begun", "of", "began", "ended")},
            "begun_number": found["begun_number"],
            "cpu_ns": found["cpu_ns"],
        }
        due = until
        try:
            yield Frame(columns, {"calls": number.size}, {"elapsed_s": elapsed_ns / 1e9, "in_flight": due - answered})
        finally:
            server.resume()
