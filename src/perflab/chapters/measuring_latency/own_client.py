"""The coordinated omission lab with a client of the learner's in place of the closed loop."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from perflab.chapters.judging import numbers_of
from perflab.chapters.measuring_latency import coordinated_omission
from perflab.chapters.measuring_latency.clients import Clients, charts, finding_of, generator_too_slow, say, table
from perflab.lab import Lab
from perflab.lab.verdict import verdict_of
from perflab.measure import Frame
from perflab.measure.load import open_loop
from perflab.systems.clients.ticket_server import Client, TicketServer

CLIENTS: Clients = {
    "open loop": lambda run: run.column("open_ns"),
    "your client": lambda run: run.column("yours_ns"),
}


def experiment(rate: int, stall: int, every: int, client: Client) -> Iterator[Frame]:
    for each, schedule, target, told in coordinated_omission.turns(rate, stall, every, (open_loop, client)):
        if each is open_loop:
            yield coordinated_omission.as_frame(result := open_loop(schedule, target), told(result))
        else:
            latencies_s = numbers_of(client((schedule / 1e9).tolist(), TicketServer(target)), schedule.size)
            yield Frame({"yours_ns": np.array(latencies_s) * 1e9})


def lab_with(client: Client) -> Lab:
    """The lab that runs `client` and the open loop in turns."""
    return replace(
        coordinated_omission.lab(),
        question="Does your client see the stall?",
        experiment=experiment,
        policy={"client": client},
        charts=charts(CLIENTS),
        prediction=None,
        verdict=verdict_of(say(CLIENTS), generator_too_slow, needs="yours_ns", empty="Your client comes next …"),
        table=table(CLIENTS),
        finding=finding_of(CLIENTS),
    )
