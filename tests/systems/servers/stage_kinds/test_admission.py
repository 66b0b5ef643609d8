"""Which requests may queue: facts on a virtual clock."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from virtual_loop import Served, run_virtually

from perflab.measure.guards import BadInput
from perflab.systems.servers.policy import PolicyFailed
from perflab.systems.servers.stage_kinds.admission import Settings


def statuses(after_s: tuple[float, ...] = (0, 0, 0, 0, 0), **admission: Any) -> list[int]:
    async def serve() -> list[int]:
        served = Served(
            ("admission", {"served_at_once": 1, **admission}), ("concurrency", {}), ("database", {"query_ms": 100})
        )
        return [reply.status for reply, _ in await asyncio.gather(*(served.ask("/", each) for each in after_s))]

    return run_virtually(serve())


def test_so_many_are_served_so_many_wait_and_the_others_are_rejected() -> None:
    assert statuses(queue_length=2) == [200, 200, 200, 503, 503]
    assert statuses(queue_length=0) == [200, 503, 503, 503, 503]


def test_a_place_is_free_again_when_its_request_has_left() -> None:
    assert statuses((0, 0.05, 0.101, 0.15), queue_length=0) == [200, 503, 200, 503]


def test_a_rule_is_asked_with_the_number_of_queued_requests_and_not_while_a_worker_is_free() -> None:
    asked: list[int] = []

    def may_queue(queued: int) -> bool:
        asked.append(queued)
        return queued < 2

    assert statuses(may_queue=may_queue) == [200, 200, 200, 503, 503]
    assert asked == [0, 1, 2, 2]


def test_a_rule_that_fails_rejects_nothing_silently_fails_its_request_only_and_is_told_at_the_next_pause() -> None:
    async def serve() -> int:
        served = Served(
            ("admission", {"served_at_once": 1, "may_queue": lambda queued: 1 / 0}), ("database", {"query_ms": 100})
        )
        first = asyncio.ensure_future(served.ask())
        await asyncio.sleep(0)
        sentence = r"The admission rule raised ZeroDivisionError: division by zero \(asked with 0\)\."
        with pytest.raises(PolicyFailed, match=sentence):
            await served.ask()
        with pytest.raises(ValueError, match=sentence):
            served.frame.settle()
        return (await first)[0].status

    assert run_virtually(serve()) == 200


@pytest.mark.parametrize(
    ("setting", "value"), [("served_at_once", 0), ("queue_length", -1), ("queue_length", 1.5), ("may_queue", 5)]
)
def test_what_is_no_such_number_or_function_is_refused(setting: str, value: Any) -> None:
    with pytest.raises(BadInput, match=setting):
        Settings(**{"served_at_once": 1, setting: value})
