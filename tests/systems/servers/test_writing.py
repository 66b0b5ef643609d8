"""Threads that write in a process of their own, by a learner's rule if there is one."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from perflab.measure.guards import BadInput
from perflab.systems.servers.writing import Writing

pytestmark = pytest.mark.process


def test_what_is_committed_is_stored_and_nothing_is_left() -> None:
    with Writing(rows=3) as writing:
        done = writing.load(4, 0.02, size=2)
        more = writing.load(1, 0.02)
        assert writing.stored == 3 * int(done.requests.sum() + more.requests.sum()) > 0
        folder = Path(writing._folder.name)
        assert list(folder.iterdir())
    assert not folder.exists()
    assert not psutil.pid_exists(writing.pid)


def test_a_rule_decides_where_it_is_asked_for() -> None:
    with Writing(1, when=lambda waiting, oldest_wait_s, last: waiting == 3) as writing:
        by_rule, without = writing.load(3, 0.05, by_rule=True), writing.load(3, 0.02)
    assert set(by_rule.requests.tolist()) == {3} and set(without.requests.tolist()) == {1}


def test_a_rule_that_fails_is_one_sentence_and_the_process_goes_on() -> None:
    with Writing(1, when=lambda waiting, oldest_wait_s, last: 1 // 0) as writing:
        with pytest.raises(BadInput, match="The rule raised ZeroDivisionError"):
            writing.load(2, 5.0, by_rule=True)
        with pytest.raises(BadInput, match="threads"):
            writing.load(10**6, 0.01)
        assert writing.load(1, 0.01).requests.sum() > 0
