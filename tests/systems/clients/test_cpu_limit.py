from __future__ import annotations

import math

import psutil
import pytest

from perflab.systems.clients import cpu_limit
from perflab.systems.clients.cpu_limit import cpu_s, limit_per_s


def limit(monkeypatch: pytest.MonkeyPatch, cpus: float, single: list[int], several: list[int]) -> float:
    """Of 1,000 requests that cost this process 20 ms, and process n so many times 20 ms."""
    clock = [0.0]

    def load() -> int:
        clock[0] += 0.02
        return 1_000

    monkeypatch.setattr(cpu_limit, "effective_cpus", lambda: cpus)
    monkeypatch.setattr(cpu_limit.time, "process_time", lambda: clock[0])
    monkeypatch.setattr(cpu_limit, "cpu_s", lambda pids: clock[0] * sum(pids))
    return limit_per_s(load, single, several)


def test_one_cpu_does_all_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    assert limit(monkeypatch, 1, [2], [1, 1]) == pytest.approx(10_000)


def test_with_many_cpus_the_busiest_single_process_is_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    assert limit(monkeypatch, 8, [2], [3, 3]) == pytest.approx(25_000)
    assert limit(monkeypatch, 8, [2, 3], []) == pytest.approx(1_000 / 0.06)


def test_what_costs_nothing_that_can_be_told_has_a_limit_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu_limit.time, "process_time", lambda: 0.0)
    assert limit_per_s(lambda: 50, [], []) == 50_000


@pytest.mark.parametrize("answers", [0, 1, 49])
def test_of_a_few_answers_no_limit_is_told(answers: int) -> None:
    assert limit_per_s(lambda: answers, [], []) == math.inf


def test_cpu_time_is_that_of_all_and_a_process_that_is_gone_is_told() -> None:
    me = psutil.Process().pid
    assert cpu_s([me, me]) >= cpu_s([me]) > 0 == cpu_s([])
    with pytest.raises(psutil.Error):
        cpu_s([2**22 + 1])
