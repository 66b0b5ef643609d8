"""The lab that runs a client of the learner's."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from perflab.chapters.measuring_latency import own_client
from perflab.lab.record import Record
from perflab.measure.frame import Frame, merge
from perflab.systems.clients.ticket_server import TicketServer


def client(due_s: list[float], server: TicketServer) -> list[float]:
    tickets = []
    for due in due_s:
        server.wait_until(due)
        tickets.append(server.send())
    return [server.answered_at(ticket) - due for ticket, due in zip(tickets, due_s, strict=True)]


def test_words_and_charts_name_your_client() -> None:
    lab = own_client.lab_with(client)
    frame = Frame({"open_ns": np.full(100, 5e7), "yours_ns": np.full(100, 1e6), "lateness_ns": np.full(100, 1e3)})
    run = Record(lab.name, lab.check({}), 1, "", frame)
    assert "your client 0 of 100 (0%)" in str(lab.verdict_of(run, None))
    assert [row[0] for row in lab.table(run, None)] == ["", "open loop", "your client"]
    assert lab.prediction is None and len(lab.charts) == 2
    assert "Your client comes next" in lab.verdict_of(Record(lab.name, lab.check({}), 1, ""), None).text


@pytest.mark.clock
def test_the_client_and_the_open_loop_meet_the_same_stall_in_turns() -> None:
    frame = merge(islice(own_client.experiment(200, 100, 400, client), 2))
    opened, yours = frame.samples["open_ns"], frame.samples["yours_ns"]
    assert opened.size == yours.size == 80
    assert np.mean(yours > 10e6) > 0.5 * np.mean(opened > 10e6) > 0.05
