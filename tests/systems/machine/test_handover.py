"""Handing over to another thread or process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import psutil
import pytest
from patience import wait_until_gone

from perflab.systems.machine.handover import between_processes, between_threads, can_pin, on_one_cpu

pytestmark = pytest.mark.clock


def test_another_thread_takes_the_turn_each_time_and_is_gone_afterwards() -> None:
    before = threading.active_count()
    with between_threads() as there_and_back:
        assert threading.active_count() == before + 1
        for _ in range(100):
            there_and_back()
    assert threading.active_count() == before


def test_another_process_answers_and_is_gone_afterwards() -> None:
    me = psutil.Process()
    with between_processes() as there_and_back:
        (child,) = me.children()
        switches = sum(child.num_ctx_switches())
        for _ in range(100):
            assert there_and_back() == b"x"
        assert sum(child.num_ctx_switches()) >= switches + 50
    assert not psutil.pid_exists(child.pid)


@pytest.mark.skipif(not can_pin(), reason="this system does not let us choose CPUs")
def test_both_share_one_cpu_while_one_is_called_and_else_we_have_ours() -> None:
    allowed = os.sched_getaffinity(0)
    with between_processes():
        (child,) = psutil.Process().children()
        assert os.sched_getaffinity(0) == allowed, "what is measured in turns with it may use all CPUs"
        with on_one_cpu():
            assert os.sched_getaffinity(0) == os.sched_getaffinity(child.pid)
            assert len(os.sched_getaffinity(0)) == 1
        assert os.sched_getaffinity(0) == allowed


def test_a_process_that_died_is_told() -> None:
    with between_processes() as there_and_back:
        (child,) = psutil.Process().children()
        child.kill()
        with pytest.raises(ConnectionError):
            for _ in range(100):
                there_and_back()


def test_a_killed_parent_takes_the_other_process_along() -> None:
    code = (
        "import time, psutil\nfrom perflab.systems.machine.handover import between_processes\n"
        "with between_processes():\n    print(psutil.Process().children()[0].pid, flush=True)\n    time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
    wait_until_gone(pid)
