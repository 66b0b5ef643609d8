"""Labs in a real process: worker, widgets without a browser, faults, and fifty re-runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import IPython.display
import numpy as np
import pytest

from perflab.lab import Answer, Axis, Chart, Lab, Prediction, distribution, log_slider, stage, versus
from perflab.lab.budget import BUDGET, REHEARSAL, budget_of, rehearsal_s
from perflab.lab.conductor import Conductor
from perflab.lab.marks import Line
from perflab.lab.run_lock import WAITING, RunLock
from perflab.lab.session import Session
from perflab.lab.verdict import table_of
from perflab.lab.view import View
from perflab.lab.waiters import ExperimentFailed
from perflab.measure.frame import Frame
from perflab.measure.guards import BadInput

PATIENCE_S = 30  # of its own: another process imports this file alone


def experiment(rows: int) -> Iterator[Frame]:
    while True:
        time.sleep(0.02)
        yield Frame({"latency_ns": np.full(500, 100.0 * rows)}, {"calls": 500})


def failing(rows: int) -> Iterator[Frame]:
    raise OSError("disk is full")
    yield Frame()


def hanging(rows: int) -> Iterator[Frame]:
    yield Frame({"latency_ns": np.ones(5)})
    time.sleep(60)


def suicidal(rows: int) -> Iterator[Frame]:
    yield Frame({"latency_ns": np.ones(5)})
    print("killed by the test", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


QUICK = Chart("", Axis("x", 0, 1), Axis("y", 0, 1))
"""Quick to lay out: these tests open some hundred labs, and charts have tests of their own."""


def make_lab(what: Any = experiment, **changes: Any) -> Lab:
    parts: dict[str, Any] = {
        "question": "?",
        "experiment": what,
        "controls": {"rows": log_slider(1, 1_000, 10, unit="rows")},
        "charts": (QUICK,),
        "budget_s": 0.2,
    }
    return Lab(**{**parts, **changes})


def opened(lab: Lab, conductor: Conductor) -> Session:
    view = View(lab)
    session = Session(lab, conductor, view)
    view.connect(session)
    return session


def status(session: Session) -> str:
    return str(session.display._status.value)  # type: ignore[attr-defined]


def wait_for(condition: Any, seconds: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@pytest.mark.process
def test_moving_a_slider_measures_in_another_process_and_shows_it(conductor: Conductor) -> None:
    session = opened(make_lab(charts=(distribution(), QUICK)), conductor)
    empty = session.display._images[0].png  # type: ignore[attr-defined]
    session.display._controls["rows"].value = 50  # type: ignore[attr-defined]
    wait_for(lambda: session.results.records)
    record = session.results.records[-1]
    assert record.parameters == {"rows": 50}
    assert record.environment["worker_pid"] != os.getpid()
    wait_for(lambda: status(session).startswith("Done after"))
    assert "p50 5.0 µs" in session.display._verdict.value  # type: ignore[attr-defined]
    assert session.display._images[0].png != empty  # type: ignore[attr-defined]


@pytest.mark.process
@pytest.mark.parametrize("asks", [True, False])
def test_what_theory_expects_is_shown_at_once_unless_the_learner_is_asked_first(
    conductor: Conductor, monkeypatch: pytest.MonkeyPatch, asks: bool
) -> None:
    monkeypatch.setattr(stage, "this_kernels_conductor", lambda: conductor)
    monkeypatch.setattr(IPython.display, "display", lambda data, **_: None)
    line = (np.array([1.0, 1_000.0]), np.array([1e3, 1e6]))
    lab = make_lab(
        predict=lambda rows: line,
        charts=(versus("rows", (1, 1_000), (1e2, 1e7), lambda model: model, "rows"),),
        prediction=Prediction("?", {"more": Answer("No."), "less": Answer("No.", "Yes.")}, ({},), lambda record: None)
        if asks
        else None,
    )
    session = opened(lab, conductor)
    empty = session.display._images[0].png  # type: ignore[attr-defined]
    stage.show(session)
    reached = threading.Event()
    conductor.post(reached.set)
    assert reached.wait(PATIENCE_S)
    assert (session.display._images[0].png == empty) == asks  # type: ignore[attr-defined]
    assert session.results.records == []


class NoColumn(Exception):
    pass


def broken(of: Any) -> Any:
    raise NoColumn("no such column")


def chart_of(title: str, **bound: Any) -> Chart:
    return Chart(title, Axis("x", 0, 10), Axis("y", 0, 10), Line(marker="o", **bound))


BROKEN_RUN = (chart_of("Sound", run=lambda run: (5, 5)), chart_of("Broken", run=broken))


def widgets_of(session: Session) -> Any:
    return session.display


@pytest.mark.process
def test_a_chart_that_fails_says_so_above_the_charts_and_the_lab_stays_usable(conductor: Conductor) -> None:
    session = opened(make_lab(charts=BROKEN_RUN), conductor)
    view = widgets_of(session)
    empty = view._images[0].png, view._images[1].png
    assert session.run({}).result(PATIENCE_S).status == "complete"
    assert view._images[0].png != empty[0] and view._images[1].png == empty[1]
    assert "The chart &#x27;Broken&#x27; failed. NoColumn: no such column. Details are below" in view._fault.value
    (details,) = view._details.outputs
    assert "Traceback" in details["text"] and "in broken" in details["text"]
    assert "p50 1.0 µs" in view._verdict.value
    assert session.run({"rows": 20}).result(PATIENCE_S).status == "complete"
    assert "p50 2.0 µs" in view._verdict.value


@pytest.mark.process
def test_a_models_fault_stays_in_sight_while_runs_are_drawn_and_goes_when_it_is_mended(conductor: Conductor) -> None:
    def up_to_20(rows: int) -> Any:
        return (5, 5) if rows <= 20 else broken(rows)

    chart = chart_of("Broken", model=up_to_20)
    lab = make_lab(charts=(chart, chart_of("Sound", run=lambda run: (5, 5))), predict=lambda rows: rows)
    session = opened(lab, conductor)
    view = widgets_of(session)
    assert session.run({"rows": 50}).result(PATIENCE_S).status == "complete"
    assert "Broken" in view._fault.value
    assert session.run({"rows": 20}).result(PATIENCE_S).status == "complete"
    assert view._fault.value == ""


@pytest.mark.process
@pytest.mark.parametrize(
    "charts", [BROKEN_RUN, (chart_of("Broken", model=broken),)], ids=["a run", "the model, before anything is measured"]
)
def test_in_a_rehearsal_a_chart_that_fails_is_an_error(
    conductor: Conductor, monkeypatch: pytest.MonkeyPatch, charts: Any
) -> None:
    monkeypatch.setenv(REHEARSAL, "0.1")
    session = opened(make_lab(charts=charts, predict=lambda rows: rows), conductor)
    with pytest.raises(ExperimentFailed, match=r"The chart 'Broken' failed\. NoColumn: no such column"):
        session.run({}).result(PATIENCE_S)
    assert opened(make_lab(), conductor).run({}).result(PATIENCE_S).status == "complete"


@pytest.mark.process
def test_what_tells_how_far_a_run_can_be_trusted_is_folded_under_its_own_heading(conductor: Conductor) -> None:
    lab = make_lab(trust=table_of(("lateness <p99>", lambda run: "1 ms")))
    session = opened(lab, conductor)
    view = widgets_of(session)
    assert view._folded.layout.display == "none", "nothing to unfold before anything is measured"
    session.run({}).result(PATIENCE_S)
    assert view._folded.layout.display == ""
    assert view._folded.selected_index is None, "folded until it is opened"
    assert view._folded.titles == ("How far this run can be trusted",)
    assert "lateness &lt;p99&gt;</th>" in view._trust.value and "lateness" not in view._table.value
    session.reset()
    wait_for(lambda: view._folded.layout.display == "none")
    assert view._trust.value == ""


def routed(rows: int, route: Callable[[int], int]) -> Iterator[Frame]:
    yield Frame({"latency_ns": np.full(500, 100.0 * route(rows))}, {"calls": 500})


@pytest.mark.process
def test_a_policy_reaches_the_experiment_in_its_process_and_the_model(conductor: Conductor) -> None:
    seen: list[Any] = []
    chart = chart_of("Model", model=lambda model: seen.append(model) or (model, model))
    lab = make_lab(
        routed,
        charts=(chart,),
        predict=lambda rows, route: route(rows),
        policy={"route": lambda rows: rows},
    )
    doubled = replace(lab, policy={"route": lambda rows: 2 * rows})
    medians = [
        float(np.median(opened(each, conductor).run({"rows": 7}).result(PATIENCE_S).column("latency_ns")))
        for each in (lab, doubled, lab)
    ]
    assert medians == [700, 1_400, 700]
    assert seen == [7, 14, 7]


@pytest.mark.process
def test_run_returns_the_record_and_moves_the_controls(conductor: Conductor) -> None:
    session = opened(make_lab(), conductor)
    slider = session.display._controls["rows"]  # type: ignore[attr-defined]
    steps = slider.options
    record = session.run({"rows": 20}).result(PATIENCE_S)
    assert (record.status, record.parameters) == ("complete", {"rows": 20})
    assert record.noise is not None
    assert (slider.value, slider.options) == (20, steps)
    assert len(session.results.records) == 1, "moving the control did not start another run"


@pytest.mark.process
def test_a_slider_shows_what_code_has_chosen_between_its_steps(conductor: Conductor) -> None:
    session = opened(make_lab(), conductor)
    slider = session.display._controls["rows"]  # type: ignore[attr-defined]
    steps = slider.options
    for rows in (37, 38):
        session.run({"rows": rows}).result(PATIENCE_S)
        assert (slider.value, slider.label) == (rows, f"{rows} rows")
        assert len(slider.options) == len(steps) + 1
    session.reset()
    wait_for(lambda: slider.value == 10)
    assert slider.options == steps
    assert len(session.results.records) <= 2, "moving the control did not start another run"


@pytest.mark.process
def test_bad_input_is_refused_at_once_naming_the_field(conductor: Conductor) -> None:
    session = opened(make_lab(), conductor)
    for rows in (float("nan"), 0, -1, "", "ten", float("inf"), 10**9, None):
        with pytest.raises(BadInput, match="rows must be a whole number from 1 to 1,000"):
            session.run({"rows": rows})


@pytest.mark.process
def test_an_experiment_that_raises_is_shown_and_the_next_run_works(conductor: Conductor) -> None:
    broken, sound = opened(make_lab(failing), conductor), opened(make_lab(), conductor)
    with pytest.raises(ExperimentFailed, match="disk is full"):
        broken.run({}).result(PATIENCE_S)
    assert "This run failed. OSError: disk is full" in status(broken)
    assert sound.run({}).result(PATIENCE_S).status == "complete"


@pytest.mark.process
def test_a_killed_worker_is_replaced_and_said(conductor: Conductor) -> None:
    session = opened(make_lab(suicidal), conductor)
    with pytest.raises(ExperimentFailed, match="killed by the test"):
        session.run({}).result(PATIENCE_S)
    assert "ended unexpectedly and was replaced" in status(session)
    assert opened(make_lab(), conductor).run({}).result(PATIENCE_S).status == "complete"


@pytest.mark.process
def test_stop_ends_even_a_hung_run_and_keeps_its_part(conductor: Conductor) -> None:
    """Within a second: `test_conductor` has that as a fact."""
    session = opened(make_lab(hanging), conductor)
    future = session.run({})
    wait_for(lambda: "s left" in status(session))
    session.stop()
    record = future.result(PATIENCE_S)
    assert (record.status, record.calls) == ("stopped", 5)


@pytest.mark.process
def test_two_kernels_take_turns(conductor: Conductor, tmp_path: Path) -> None:
    other = RunLock(tmp_path / "lock")
    assert other.try_acquire()
    session = opened(make_lab(), conductor)
    future = session.run({})
    wait_for(lambda: status(session).startswith(WAITING))
    assert not future.done()
    other.release()
    assert future.result(PATIENCE_S).status == "complete"


@pytest.mark.process
def test_save_writes_into_the_folder_of_the_notebook(
    conductor: Conductor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    session = opened(make_lab(), conductor)
    session.save()
    wait_for(lambda: "Nothing to save yet" in status(session))
    session.run({}).result(PATIENCE_S)
    session.save()
    wait_for(lambda: status(session).startswith("Saved"))
    assert {path.suffix for path in (tmp_path / "results").iterdir()} == {".json", ".csv"}


RE_RUNS = """
import gc, json, sys, tempfile, threading
from pathlib import Path
import psutil
from ipywidgets.widgets.widget import _instances
from matplotlib.figure import Figure
sys.path.insert(0, {here!r})
import test_lab as tests
from perflab.lab.conductor import Conductor

conductor = Conductor(lock=tests.RunLock(Path({folder!r}) / "lock"))
threading.Thread(target=conductor.run_forever, daemon=True).start()
process = psutil.Process()

def once():
    session = tests.opened(tests.make_lab(budget_s=0.02), conductor)
    session.run({{}}).result(tests.PATIENCE_S)
    session.close()
    done = threading.Event()
    conductor.post(done.set)
    done.wait(tests.PATIENCE_S)

def left():
    gc.collect()
    files = process.num_fds() if hasattr(process, "num_fds") else 0
    figures = sum(isinstance(thing, Figure) for thing in gc.get_objects())
    return [threading.active_count(), files, len(process.children(recursive=True)), len(_instances), figures]

for _ in range(20):  # until the allocator has what it keeps
    once()
before, memory = left(), process.memory_info().rss
for _ in range(50):
    once()
print(json.dumps([before, left(), (process.memory_info().rss - memory) / 1e6]))
conductor.close()
"""


@pytest.mark.process
def test_fifty_re_runs_leave_no_threads_files_children_widgets_or_figures(tmp_path: Path) -> None:
    # In a process of its own: the memory of this one is full of other tests.
    code = RE_RUNS.format(here=str(Path(__file__).parent), folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    before, after, megabytes = json.loads(done.stdout)
    assert after == before
    assert megabytes < 10


@pytest.mark.parametrize(("text", "seconds"), [("", None), ("0.3", 0.3)])
def test_a_rehearsal_is_asked_for_by_one_variable(
    monkeypatch: pytest.MonkeyPatch, text: str, seconds: float | None
) -> None:
    monkeypatch.setenv(REHEARSAL, text)
    assert rehearsal_s() == seconds


def test_runs_can_be_brief_without_a_rehearsal(monkeypatch: pytest.MonkeyPatch) -> None:
    lab = make_lab(budget_s=2.0)
    assert budget_of(lab) == 2.0
    monkeypatch.setenv(BUDGET, "0.3")
    assert budget_of(lab) == 0.3 and rehearsal_s() is None
    monkeypatch.setenv(REHEARSAL, "0.1")
    assert budget_of(lab) == 0.1


@pytest.mark.parametrize("name", [REHEARSAL, BUDGET])
@pytest.mark.parametrize("text", ["soon", "-1", "0", "nan", "inf", "3600"])
def test_a_budget_of_nonsense_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(BadInput, match=name):
        budget_of(make_lab())


ONE_CPU = """
import os, sys, resource
os.sched_setaffinity(0, {0})
from perflab.chapters.measuring_latency import coordinated_omission, stopwatch
print(stopwatch.lab().run(repeats=1000).status, coordinated_omission.lab().run().status)
"""


@pytest.mark.process
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system cannot bind a process to one CPU")
def test_on_one_cpu_the_labs_work_too(tmp_path: Path) -> None:
    # With a run lock of its own: other kernels of this machine may measure for long.
    environment = {**os.environ, "TMPDIR": str(tmp_path), REHEARSAL: "0.5"}
    done = subprocess.run([sys.executable, "-c", ONE_CPU], capture_output=True, text=True, timeout=300, env=environment)
    assert done.stdout.split() == ["complete", "complete"], done.stderr
