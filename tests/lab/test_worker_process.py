"""A real worker process: slices on demand, and nothing left behind however it or its kernel ends."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import patience
import pytest
from patience import PATIENCE_S, is_gone, wait_until, wait_until_gone

from perflab.lab.protocol import Died, Ended, Failed, Finish, Finished, Next, Ready, Sliced, Start
from perflab.lab.worker import GRACE_S
from perflab.lab.worker_process import WorkerProcess, remove_stale_folders
from perflab.measure.frame import Frame
from perflab.measure.guards import BadInput
from perflab.measure.log_tail import KEPT_BYTES
from perflab.measure.shortage import NO_MORE_THREADS
from perflab.systems.process.private_folder import private_folder

pytestmark = pytest.mark.process


def counting(first: int) -> Iterator[Frame]:
    for number in (first, first + 1):
        yield Frame({"number": np.array([number])})


def raising() -> Iterator[Frame]:
    yield Frame()
    raise ValueError("the table is gone")


def refusing() -> Iterator[Frame]:
    raise BadInput("rows must be a whole number from 1 to 10")
    yield Frame()


def yielding_text() -> Iterator[Any]:
    yield "not a frame"


def chatty() -> Iterator[Frame]:
    print("hello from the experiment")
    yield Frame(facts={"read": sys.stdin.read()})


def seeded(seed: int) -> Iterator[Frame]:
    yield Frame(facts={"seed": seed})


def with_a_child_and_a_file() -> Iterator[Frame]:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    with tempfile.NamedTemporaryFile() as file:
        yield Frame(facts={"child": child.pid, "file": file.name})
        time.sleep(60)


def dying() -> Iterator[Frame]:
    print("about to die", flush=True)
    os._exit(3)
    yield Frame()


class Conversation:
    """A worker and the replies that have come in."""

    def __init__(self) -> None:
        self.replies: queue.Queue[Any] = queue.Queue()
        self.worker = WorkerProcess(self.replies.put)
        assert isinstance(self.next(), Ready)

    def next(self) -> Any:
        return self.replies.get(timeout=PATIENCE_S)

    def start(self, experiment: Any, run: int = 1, seed: int = 7, **parameters: Any) -> None:
        self.worker.send(Start(run, cloudpickle.dumps(experiment), parameters, seed))
        self.worker.send(Next(run))


@pytest.fixture
def talk() -> Iterator[Conversation]:
    conversation = Conversation()
    yield conversation
    conversation.worker.close()


def test_a_worker_that_cannot_be_started_leaves_no_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise BlockingIOError("too many processes")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(subprocess, "Popen", refuse)
    with pytest.raises(BlockingIOError):
        WorkerProcess(lambda reply: None)
    assert list(tmp_path.iterdir()) == []


def with_a_folder_for_a_servers_user() -> Iterator[Frame]:
    made = private_folder(for_others=hasattr(os, "geteuid") and os.geteuid() == 0)
    (made / "data").mkdir()
    yield Frame(facts={"folder": str(made)})


@pytest.mark.skipif(os.name == "nt", reason="real servers are started on Linux and macOS only")
def test_what_a_killed_keeper_leaves_is_gone_with_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/tmp")  # which every user may enter
    talk = Conversation()
    try:
        talk.start(with_a_folder_for_a_servers_user)
        made = Path(talk.next().frame.facts["folder"])
        assert made.parent == talk.worker.folder and (made / "data").is_dir()
    finally:
        talk.worker.kill()
    assert not made.exists()


def test_the_message_of_a_failure_is_one_line_and_the_traceback_has_all(talk: Conversation) -> None:
    def failing() -> Iterator[Frame]:
        raise RuntimeError("The server died.\nThe end of its log:\nno such table")
        yield Frame()

    talk.start(failing)
    failed = talk.next()
    assert failed.message == "RuntimeError: The server died."
    assert "no such table" in failed.traceback


def test_what_an_old_run_fails_to_close_is_no_fault_of_the_next_one(talk: Conversation) -> None:
    def untidy() -> Iterator[Frame]:
        try:
            yield Frame()
        finally:
            raise OSError("its server is gone")

    talk.start(untidy)
    assert isinstance(talk.next(), Sliced)
    talk.start(counting, run=2, first=5)
    assert talk.next().frame.samples["number"].tolist() == [5]


def test_each_next_brings_one_slice_and_the_end_is_told(talk: Conversation) -> None:
    talk.start(counting, first=5)
    first = talk.next()
    assert isinstance(first, Sliced)
    assert first.frame.samples["number"].tolist() == [5]
    assert talk.replies.empty(), "no slice is measured unasked"
    talk.worker.send(Next(1))
    assert talk.next().frame.samples["number"].tolist() == [6]
    talk.worker.send(Next(1))
    assert isinstance(talk.next(), Ended)
    talk.worker.send(Finish(1))
    assert isinstance(talk.next(), Finished)


def test_an_experiment_from_a_notebooks_cell_travels_by_value(talk: Conversation) -> None:
    scope: dict[str, Any] = {"__name__": "__main__", "Frame": Frame}
    exec("factor = 3\ndef mine(x):\n    yield Frame(facts={'x': factor * x})", scope)
    talk.start(scope["mine"], x=4)
    assert talk.next().frame.facts == {"x": 12}


def test_the_seed_reaches_an_experiment_that_wants_one(talk: Conversation) -> None:
    talk.start(seeded, seed=99)
    assert talk.next().frame.facts == {"seed": 99}


def test_an_exception_comes_back_with_message_and_traceback_and_the_worker_lives_on(talk: Conversation) -> None:
    talk.start(raising)
    talk.next()
    talk.worker.send(Next(1))
    failed = talk.next()
    assert isinstance(failed, Failed)
    assert failed.message == "ValueError: the table is gone"
    assert "in raising" in failed.traceback
    assert failed.blame == "experiment"
    talk.start(counting, run=2, first=1)
    assert isinstance(talk.next(), Sliced)


def test_bad_input_is_told_without_an_error_name(talk: Conversation) -> None:
    talk.start(refusing)
    failed = talk.next()
    assert (failed.message, failed.blame) == ("rows must be a whole number from 1 to 10", "input")


def test_what_the_system_has_no_more_of_is_told_with_the_remedy(talk: Conversation) -> None:
    def starting_too_much() -> Iterator[Frame]:
        raise RuntimeError("can't start new thread")
        yield Frame()

    talk.start(starting_too_much)
    failed = talk.next()
    assert (failed.message, failed.blame) == (NO_MORE_THREADS, "machine")
    assert "starting_too_much" in failed.traceback


def test_what_is_not_a_frame_is_refused_with_the_remedy(talk: Conversation) -> None:
    talk.start(yielding_text)
    assert "yields Frames, not str" in talk.next().message


def test_prints_and_reads_of_an_experiment_do_not_disturb_the_conversation(talk: Conversation) -> None:
    talk.start(chatty)
    assert talk.next().frame.facts == {"read": ""}
    wait_until(lambda: "hello from the experiment" in talk.worker.log_tail(), "the end of what it printed")


def printing_for_ever() -> Iterator[Frame]:
    yield Frame()
    until, lines = time.monotonic() + 1.0, 0
    while time.monotonic() < until:
        print("and again", "x" * 1_000)
        lines += 1
    yield Frame(facts={"lines": lines})
    print("the last line")
    os._exit(3)


def test_an_experiment_that_prints_in_a_loop_fills_neither_disk_nor_memory(talk: Conversation) -> None:
    talk.start(printing_for_ever)
    talk.next()
    talk.worker.send(Next(1))
    assert talk.next().frame.facts["lines"] > 1_000
    on_disk = [path.stat().st_size for path in talk.worker.folder.rglob("*")]
    assert sum(on_disk) < KEPT_BYTES
    talk.worker.send(Next(1))
    died = talk.next()
    assert died.log.endswith("the last line")
    assert len(talk.worker._log._kept) <= KEPT_BYTES


def test_a_dying_worker_reports_itself_with_the_end_of_its_log(talk: Conversation) -> None:
    talk.start(dying)
    died = talk.next()
    assert isinstance(died, Died)
    assert "about to die" in died.log


def test_an_idle_worker_ends_when_it_is_closed_and_need_not_be_killed(talk: Conversation) -> None:
    talk.worker.close(grace_s=PATIENCE_S)
    assert talk.worker._process.returncode == 0
    assert is_gone(talk.worker.pid)
    assert not talk.worker.folder.exists()


@pytest.mark.skipif(os.name == "nt", reason="process groups are of POSIX")
def test_killing_a_busy_worker_takes_its_children_and_files_along(talk: Conversation) -> None:
    talk.start(with_a_child_and_a_file)
    facts = talk.next().frame.facts
    talk.worker.send(Next(1))
    talk.worker.kill()
    wait_until_gone(talk.worker.pid, facts["child"])
    assert not Path(facts["file"]).exists()


IMPORTED_FROM = [str(Path(__file__).parent), str(Path(patience.__file__).parent)]
KERNEL = """
import sys, time, cloudpickle
sys.path[:0] = {here!r}
import test_worker_process as tests
talk = tests.Conversation()
talk.start(tests.with_a_child_and_a_file)
facts = talk.next().frame.facts
talk.worker.send(tests.Next(1))
print(talk.worker.pid, facts["child"], talk.worker.folder, facts["file"], flush=True)
time.sleep(60)
"""


def test_an_idle_worker_leaves_nothing_when_its_kernel_ends() -> None:
    code = KERNEL.split("talk.start")[0].format(here=IMPORTED_FROM) + "print(talk.worker.folder, flush=True)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    folder = Path(done.stdout.strip())
    wait_until(lambda: not folder.exists(), "the end of the folder")


@pytest.mark.skipif(os.name == "nt", reason="signals are of POSIX")
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_nothing_is_left_when_the_kernel_was_killed(end: signal.Signals) -> None:
    assert GRACE_S < 3, "what an experiment has to end by itself when its kernel is gone"
    # Who runs the tests may have told them to ignore a hang-up, and children inherit that.
    code = "import signal; signal.signal(signal.SIGHUP, signal.SIG_DFL)\n" + KERNEL.format(here=IMPORTED_FROM)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as kernel:
        assert kernel.stdout is not None
        worker, child, folder, file = kernel.stdout.readline().split()
        kernel.send_signal(end)
        assert kernel.wait(PATIENCE_S) == -end
    wait_until_gone(int(worker), int(child))
    wait_until(lambda: not Path(folder).exists() and not Path(file).exists(), "the end of the files")


@pytest.mark.skipif(os.name == "nt", reason="process groups are of POSIX")
def test_an_interrupt_of_the_kernels_process_group_does_not_reach_the_worker(talk: Conversation) -> None:
    assert os.getpgid(talk.worker.pid) != os.getpgrp()
    os.kill(talk.worker.pid, signal.SIGINT)
    talk.start(counting, first=1)
    assert isinstance(talk.next(), Sliced)


def test_folders_of_kernels_that_no_longer_run_are_swept_away_and_others_kept() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    stale = Path(tempfile.mkdtemp(prefix=f"perflab-worker-{ended.pid}-"))
    mine = Path(tempfile.mkdtemp(prefix=f"perflab-worker-{os.getpid()}-"))
    try:
        remove_stale_folders()
        assert not stale.exists()
        assert mine.exists()
    finally:
        mine.rmdir()
