"""A server as a client in a few lines sees it, on a virtual clock."""

from __future__ import annotations

import numpy as np
import pytest

from perflab.measure.clock import VirtualClock
from perflab.measure.guards import BadInput
from perflab.measure.percentiles import percentile
from perflab.systems.clients.ticket_server import TicketServer, VirtualTarget
from perflab.theory.omission import recursion


def virtual(service_s: float = 0.001, stall: tuple[float, float] = (9.0, 9.0), late_s: float = 0.0) -> TicketServer:
    clock = VirtualClock()
    return TicketServer(VirtualTarget(clock, service_s, stall, late_s), clock)


def open_loop(due_s: list[float], server: TicketServer) -> list[float]:
    tickets = []
    for due in due_s:
        server.wait_until(due)
        tickets.append(server.send())
    return [server.answered_at(ticket) - due for ticket, due in zip(tickets, due_s, strict=True)]


def test_the_known_answer_of_coordinated_omission() -> None:
    """100 requests/s for 10 s, 1 ms of service, a stall of 1 s after 5 s: nearest rank, ms."""
    due = [number / 100 for number in range(1_000)]
    found = 1e3 * np.array(open_loop(due, virtual(stall=(5.0, 6.0))))
    assert [round(percentile(found, share)) for share in (0.9, 0.95, 0.99, 0.999, 1.0)] == [101, 551, 911, 992, 1001]
    assert found.mean() == pytest.approx(57.056, abs=0.01)


def test_it_is_the_queue_of_the_theory_for_random_arrivals() -> None:
    due = np.sort(np.random.default_rng(1).uniform(0, 2, 400))
    found = open_loop(due.tolist(), virtual(0.003, (0.5, 0.8)))
    np.testing.assert_allclose(found, recursion(due, 0.003, 0.5, 0.3), atol=1e-6)


def test_a_client_that_wakes_up_late_sends_and_notes_late() -> None:
    server = virtual(late_s=0.004)
    found = open_loop([0.1, 0.2], server)
    assert server.sent_s == pytest.approx([0.104, 0.204], abs=1e-6)
    assert found == pytest.approx([0.009, 0.009], abs=1e-6)


def test_what_is_no_ticket_is_refused_and_what_is_not_answered_ends() -> None:
    server = virtual(stall=(0.0, 100.0))
    for ticket in (0, -1, True, "0"):
        with pytest.raises(BadInput, match="is no ticket"):
            server.answered_at(ticket)  # type: ignore[arg-type]
    ticket = server.send()
    with pytest.raises(TimeoutError, match="request 0 was not answered within 2 s"):
        server.answered_at(ticket)
    with pytest.raises(BadInput, match="moment_s"):
        server.wait_until(float("nan"))


class Full(VirtualTarget):
    """With one connection."""

    def send(self, number: int) -> bool:
        return self._told == len(self.done_s) and super().send(number)


def test_a_request_waits_for_a_free_connection_and_then_gives_up() -> None:
    clock = VirtualClock()
    server = TicketServer(Full(clock, 0.3, (0.6, 9.0)), clock)
    sent = [server.send() for _ in range(3)]
    assert sent == [0, 1, 2] and server.sent_s == pytest.approx([0, 0.3, 0.6], abs=1e-6)
    with pytest.raises(TimeoutError, match="no connection was free for request 3 within 2 s"):
        server.send()
    assert len(server.sent_s) == 3
