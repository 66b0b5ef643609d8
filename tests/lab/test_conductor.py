"""The conductor on a virtual clock, with a worker that a test answers for."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from scripted import HeldElsewhere, Stage

from perflab.lab import Lab, log_slider
from perflab.lab.budget import MAX_CALIBRATION_S
from perflab.lab.measuring import PREPARE_S, SETTLE_S, SLICE_S, STOP_S
from perflab.lab.prediction import Answer, Outcome, Prediction
from perflab.lab.protocol import Died, Ended, Failed, Finish, Finished, Next, Ready, Sliced, Start
from perflab.lab.record import measured_in_turns
from perflab.lab.run_lock import WAITING
from perflab.lab.save import story_of
from perflab.lab.session import REST_S, Session
from perflab.lab.spec import APART, LONGEST_AT_A_SLIDER_S
from perflab.lab.turns import TURN
from perflab.lab.waiters import ExperimentFailed
from perflab.measure.frame import Frame
from perflab.measure.shortage import NO_MORE_THREADS

AFTER = "Details are below. Move a slider to try again."


def experiment(rows: int) -> Iterator[Frame]:
    yield Frame({"latency_ns": np.array([rows])})


def fast_lab(kind: type[Lab] = Lab, **changes: Any) -> Lab:
    parts: dict[str, Any] = {
        "question": "?",
        "experiment": experiment,
        "controls": {"rows": log_slider(1, 1000, 10)},
        "charts": (),
        "predict": lambda rows: rows * 2,
    }
    return kind(**{**parts, **changes})


@pytest.fixture
def stage() -> Stage:
    return Stage(fast_lab)


def started(stage: Stage, session: Session, rows: int = 10) -> None:
    session.change({"rows": rows})
    stage.settle()
    stage.wait(REST_S)


def test_the_model_follows_every_look_at_the_mailbox_at_once(stage: Stage) -> None:
    session = stage.session()
    session.change({"rows": 20})
    stage.settle()
    assert session.display.all("show_model") == [({"rows": 20}, 40)]
    assert stage.starts() == []


def test_a_run_starts_when_the_slider_has_rested(stage: Stage) -> None:
    session = stage.session()
    session.change({"rows": 20})
    stage.settle()
    stage.wait(REST_S * 0.9)
    assert stage.starts() == []
    stage.wait(REST_S * 0.2)
    assert [start.parameters for start in stage.starts()] == [{"rows": 20}]


def test_a_hundred_steps_in_two_seconds_make_one_run_of_the_last_value(stage: Stage) -> None:
    session = stage.session()
    for step in range(1, 101):
        session.change({"rows": step})
        stage.wait(0.02)
    stage.wait(REST_S)
    assert [start.parameters["rows"] for start in stage.starts()] == [100]
    assert session.display.all("show_model")[-1] == ({"rows": 100}, 200)


def test_a_long_run_starts_by_its_button_only(stage: Stage) -> None:
    _, view = stage.shown(fast_lab(budget_s=LONGEST_AT_A_SLIDER_S + 1))
    assert view._status.value == "Press Measure to measure."
    measure = view._buttons.children[0]
    assert measure.description == "Measure"
    view._controls["rows"].value = 20
    stage.settle()
    stage.wait(60)
    assert stage.starts() == [] and view._status.value == "Press Measure to measure this."
    measure.click()
    stage.settle()
    assert [start.parameters for start in stage.starts()] == [{"rows": 20}]


def test_a_control_that_moves_ends_a_long_run_and_keeps_what_it_has(stage: Stage) -> None:
    session = stage.session(fast_lab(budget_s=LONGEST_AT_A_SLIDER_S + 1))
    future = session.run({"rows": 20})
    stage.settle()
    stage.slice()
    session.change({"rows": 50})
    stage.settle()
    stage.slice()
    stage.finish()
    stage.wait(60)
    assert len(stage.starts()) == 1
    record = future.result(0)
    assert (record.parameters, record.status, record.calls) == ({"rows": 20}, "stopped", 10)


def test_moves_that_were_not_drawn_yet_are_one_redraw(stage: Stage) -> None:
    session = stage.session()
    for rows in (11, 12, 13):
        session.change({"rows": rows})
    stage.settle()
    assert [shown[0]["rows"] for shown in session.display.all("show_model")] == [13]


def test_the_next_slice_is_asked_for_only_after_the_last_one_was_drawn(stage: Stage) -> None:
    session = stage.session()
    started(stage, session)
    order: list[str] = []
    session.display.show_run = lambda record, runs: order.append(f"drawn, {len(stage.worker.commands)} commands so far")
    assert [type(command) for command in stage.worker.commands] == [Start, Next]
    stage.slice()
    assert order == ["drawn, 2 commands so far"]
    assert [type(command) for command in stage.worker.commands] == [Start, Next, Next]


def test_the_budget_ends_a_run_and_makes_a_record(stage: Stage) -> None:
    session = stage.session(fast_lab(budget_s=0.3))
    started(stage, session)
    for _ in range(3):
        stage.slice(0.1)
    assert isinstance(stage.worker.commands[-1], Finish)
    stage.finish()
    (record,) = session.results.records
    assert (record.status, record.calls, record.parameters) == ("complete", 15, {"rows": 10})
    assert record.measured_s == pytest.approx(0.3)


def test_preparations_in_the_first_slice_do_not_use_up_the_budget(stage: Stage) -> None:
    session = stage.session(fast_lab(budget_s=1.0))
    started(stage, session)
    stage.slice(seconds=9.0)
    assert isinstance(stage.worker.commands[-1], Next)


def test_an_experiment_that_ends_by_itself_makes_a_record(stage: Stage) -> None:
    session = stage.session()
    started(stage, session)
    stage.slice()
    stage.answer(Ended(stage.starts()[-1].run))
    stage.finish()
    assert session.results.records[0].status == "complete"


def test_a_newer_move_supersedes_the_run_and_its_late_slice_is_dropped(stage: Stage) -> None:
    session = stage.session()
    started(stage, session, rows=10)
    session.change({"rows": 50})
    stage.settle()
    drawn = len(session.display.all("show_run"))
    stage.wait(REST_S)
    assert len(stage.starts()) == 1, "the slice under way is not interrupted"
    stage.slice()
    assert len(session.display.all("show_run")) == drawn
    assert [start.parameters["rows"] for start in stage.starts()] == [10, 50]


def test_stop_keeps_the_partial_result_and_says_so(stage: Stage) -> None:
    session = stage.session()
    started(stage, session)
    stage.slice()
    session.stop()
    stage.settle()
    stage.slice()
    stage.finish()
    assert session.results.records[0].status == "stopped"
    assert session.results.records[0].calls == 10
    assert session.display.status.startswith("Stopped after")


def test_stop_ends_a_worker_that_does_not_answer_within_a_second_and_keeps_what_it_brought(stage: Stage) -> None:
    session = stage.session()
    started(stage, session)
    stage.slice()
    session.stop()
    stage.settle()
    stage.wait(STOP_S)
    assert STOP_S < 1
    assert stage.workers[0].killed
    assert session.results.records[0].status == "stopped"
    assert len(stage.workers) == 2, "a new worker is ready"


def test_stop_waits_no_longer_where_putting_away_takes_its_time(stage: Stage) -> None:
    session = stage.session()
    started(stage, session)
    session.stop()
    stage.settle()
    stage.wait(0.5 * STOP_S)
    stage.slice()
    assert isinstance(stage.worker.commands[-1], Finish)
    stage.wait(0.6 * STOP_S)
    assert stage.workers[0].killed
    assert session.results.records[0].status == "stopped"
    assert session.results.records[0].calls == 5


@pytest.mark.parametrize("between_slices", [True, False])
def test_a_superseded_run_is_closed_before_the_machine_is_free(between_slices: bool) -> None:
    lock = Lock()
    stage = Stage(fast_lab, lock)
    session = stage.session()
    started(stage, session)
    if between_slices:
        stage.answer(Sliced(stage.starts()[-1].run, Frame(), 0.1))
    session.reset()
    stage.settle()
    if between_slices:
        stage.wait(SETTLE_S)
    else:
        stage.slice()
    assert stage.worker.commands[-1] == Finish(stage.starts()[-1].run), "its servers do not live on"
    assert lock.held
    stage.finish()
    assert not lock.held
    assert session.results.records == []
    started(stage, session, rows=20)
    stage.slice()
    assert session.display.status.startswith("1.9 s left")


class Lock:
    """The run lock of one kernel alone."""

    held = False

    def try_acquire(self) -> bool:
        self.held = True
        return True

    def release(self) -> None:
        self.held = False


@pytest.mark.parametrize("how", ["raised", "died", "hung"])
def test_what_a_failed_run_had_measured_stays_and_settles_nothing(stage: Stage, how: str) -> None:
    session = stage.session()
    started(stage, session)
    stage.slice()
    if how == "raised":
        stage.answer(Failed(stage.starts()[-1].run, "ServerFailed: gone", "Traceback …", "experiment"))
    elif how == "died":
        stage.answer(Died(stage.worker.pid, ""))
    else:
        stage.wait(SLICE_S + 1)
    assert session.results.records[-1].status == "failed"
    assert session.results.records[-1].calls == 5
    assert session.results.finished == []
    assert session.display.all("show_words")[-1][0].verdict.startswith("Failed after 100 ms: p50 1.0 µs")
    assert any(word in session.display.status for word in ("failed", "replaced"))


def test_a_hung_worker_is_replaced_and_the_lab_goes_on(stage: Stage) -> None:
    session = stage.session()
    started(stage, session)
    stage.wait(PREPARE_S + 1)
    assert stage.workers[0].killed
    assert "did not answer in time and was replaced" in session.display.status
    assert session.display.all("show_details")[-1] == ("last words",)
    started(stage, session, rows=20)
    stage.slice()
    stage.answer(Ended(stage.starts()[-1].run))
    stage.finish()
    assert session.results.records[-1].parameters == {"rows": 20}


def test_a_dead_worker_is_replaced_and_the_waiting_run_gets_its_error(stage: Stage) -> None:
    session = stage.session()
    future = session.run({"rows": 10})
    stage.settle()
    stage.answer(Died(stage.worker.pid, "Segmentation fault"))
    assert "ended unexpectedly" in session.display.status
    with pytest.raises(ExperimentFailed, match="Segmentation fault"):
        future.result(0)


def test_an_idle_workers_death_is_mended_silently(stage: Stage) -> None:
    session = stage.session()
    started(stage, session)
    stage.slice()
    stage.answer(Ended(stage.starts()[-1].run))
    stage.finish()
    stage.answer(Died(stage.worker.pid, ""))
    started(stage, session, rows=20)
    assert len(stage.workers) == 2
    assert [start.parameters["rows"] for start in stage.starts()] == [10, 20]


def test_an_experiment_that_raises_shows_its_message_and_leaves_the_lab_usable(stage: Stage) -> None:
    session = stage.session()
    started(stage, session)
    stage.answer(Failed(stage.starts()[-1].run, "ValueError: no such table", "Traceback …", "experiment"))
    assert session.display.status == "This run failed. ValueError: no such table. " + AFTER
    started(stage, session, rows=20)
    assert len(stage.starts()) == 2


def test_a_fault_in_our_own_drawing_is_shown_and_does_not_end_the_conductor(stage: Stage) -> None:
    session = stage.session()
    future = session.run({"rows": 10})
    stage.settle()

    def broken(record: Any, runs: Any) -> None:
        raise ZeroDivisionError("panel")

    session.display.show_run = broken
    stage.slice()
    assert "ZeroDivisionError: panel" in session.display.status
    with pytest.raises(ExperimentFailed, match="ZeroDivisionError"):
        future.result(0)


def test_a_model_that_raises_fails_the_run_that_was_asked_for(stage: Stage) -> None:
    session = stage.session(fast_lab(predict=lambda rows: 1 / 0))
    future = session.run({"rows": 10})
    stage.settle()
    assert "The model failed. ZeroDivisionError" in session.display.status
    with pytest.raises(ExperimentFailed, match="ZeroDivisionError"):
        future.result(0)


@pytest.mark.parametrize("error", [RuntimeError("can't start new thread"), BlockingIOError(11, "fork failed")])
def test_a_worker_that_this_system_cannot_start_is_said_with_the_remedy_and_the_lab_stays_usable(
    error: Exception, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> None:
        raise error

    session = stage.session()
    with monkeypatch.context() as refused:
        refused.setattr(stage.conductor._measuring.standby, "_start_worker", refuse)
        future = session.run({"rows": 10})
        stage.settle()
    assert session.display.status == NO_MORE_THREADS
    assert stage.conductor._lock.released  # type: ignore[attr-defined]
    with pytest.raises(ExperimentFailed, match="ulimit -u"):
        future.result(0)
    started(stage, session)
    assert len(stage.starts()) == 1


def test_a_worker_that_ended_for_want_of_something_says_of_what(stage: Stage) -> None:
    session = stage.session()
    started(stage, session)
    stage.answer(Died(stage.worker.pid, "OpenBLAS: pthread_create failed for thread 1 of 2"))
    assert (
        session.display.status
        == f"The measuring process ended unexpectedly and was replaced. {NO_MORE_THREADS} {AFTER}"
    )


def test_two_labs_of_one_kernel_take_turns_and_the_second_says_that_it_waits(stage: Stage) -> None:
    first, second = stage.session(), stage.session()
    started(stage, first)
    started(stage, second)
    assert second.display.status == f"{WAITING}; this run is next."
    stage.slice()
    stage.answer(Ended(stage.starts()[-1].run))
    stage.finish()
    assert len(stage.starts()) == 2
    assert first.results.records and not second.results.records


def test_a_run_waits_while_another_kernel_measures() -> None:
    lock = HeldElsewhere()
    stage = Stage(fast_lab, lock)
    session = stage.session()
    lock.ahead = 3
    started(stage, session)
    assert session.display.status == f"{WAITING}; at least 3 come before this one."
    assert stage.starts() == []
    lock.free = True
    stage.wait(0.2)
    assert len(stage.starts()) == 1


def test_each_run_of_a_kernel_asks_for_the_lock_anew_so_that_other_kernels_get_their_turn() -> None:
    lock = HeldElsewhere()
    lock.free = True
    stage = Stage(fast_lab, lock)
    first, second = stage.session(), stage.session()
    started(stage, first)
    started(stage, second)
    lock.free = False  # another kernel has come in the meantime
    stage.slice()
    stage.answer(Ended(stage.starts()[-1].run))
    stage.finish()
    assert lock.released
    assert len(stage.starts()) == 1
    assert second.display.status.startswith(WAITING)
    lock.free = True
    stage.wait(0.2)
    assert len(stage.starts()) == 2


def test_stop_takes_a_waiting_lab_out_of_the_queue() -> None:
    lock = HeldElsewhere()
    stage = Stage(fast_lab, lock)
    session = stage.session()
    started(stage, session)
    session.stop()
    stage.settle()
    lock.free = True
    stage.wait(1)
    assert stage.starts() == []
    assert session.display.status == "Stopped before it began."


def test_a_calibration_runs_once_before_the_first_run_and_feeds_the_model(stage: Stage) -> None:
    def calibrate() -> Iterator[Frame]:
        yield Frame(facts={"step_ns": 3})

    lab = fast_lab(calibrate=calibrate, predict=lambda rows, constants: rows * constants["step_ns"])
    session = stage.session(lab)
    started(stage, session)
    assert session.display.all("show_model") == []
    stage.answer(Sliced(stage.starts()[-1].run, Frame(facts={"step_ns": 3}), 0.01))
    stage.answer(Ended(stage.starts()[-1].run))
    stage.finish()
    assert session.display.all("show_model") == [({"rows": 10}, 30)]
    assert [dict(start.parameters) for start in stage.starts()] == [{}, {"rows": 10}]


def calibrated_lab() -> Lab:
    def calibrate() -> Iterator[Frame]:
        yield Frame(facts={"step_ns": 3})

    return fast_lab(calibrate=calibrate, predict=lambda rows, constants: rows * constants["step_ns"])


def calibration_ends(stage: Stage) -> None:
    run = stage.starts()[0].run
    stage.answer(Sliced(run, Frame(facts={"step_ns": 3}), 0.01))
    stage.answer(Ended(run))
    stage.answer(Finished(run, None))


def test_a_calibration_of_a_control_is_made_when_one_of_its_values_is_first_measured(stage: Stage) -> None:
    def calibrate(rows: int) -> Iterator[Frame]:
        yield Frame(facts={f"{rows}_ns": 3 * rows})

    def ends(frame: Frame) -> None:
        run = stage.starts()[-1].run
        for reply in (Sliced(run, frame, 10.0), Ended(run), Finished(run, None)):
            stage.answer(reply)

    session = stage.session(fast_lab(calibrate=calibrate, predict=lambda rows, constants: constants.get(f"{rows}_ns")))
    for rows, is_new in ((10, True), (20, True), (10, False)):
        started(stage, session, rows)
        if is_new:
            ends(Frame(facts={f"{rows}_ns": 3 * rows}))
        ends(Frame({"latency_ns": np.array([rows])}))
    assert [start.parameters["rows"] for start in stage.starts()] == [10, 10, 20, 20, 10]
    shown = session.display.all("show_model")
    assert [*dict.fromkeys((parameters["rows"], model) for parameters, model in shown)] == [
        (10, 30),
        (20, None),
        (20, 60),
    ]
    assert [run.constants for run in session.results.records] == [{"10_ns": 30}, *[{"10_ns": 30, "20_ns": 60}] * 2]


def test_a_record_has_what_the_calibration_found_so_that_words_can_speak_of_it(stage: Stage) -> None:
    session = stage.session(calibrated_lab())
    started(stage, session)
    calibration_ends(stage)
    stage.finish()
    stage.settle()
    (record,) = session.results.records
    assert record.constants == {"step_ns": 3}
    assert story_of(record)["constants"] == {"step_ns": 3}


def test_a_slider_that_moves_meanwhile_does_not_start_the_calibration_again(stage: Stage) -> None:
    session = stage.session(calibrated_lab())
    started(stage, session)
    for rows in (20, 30, 40):
        started(stage, session, rows)
    session.change({"rows": 50})
    stage.settle()
    calibration_ends(stage)
    assert session.display.all("show_model") == [({"rows": 50}, 150)]
    stage.wait(REST_S)
    assert [dict(start.parameters) for start in stage.starts()] == [{}, {"rows": 50}]


def test_a_reset_ends_a_calibration_and_the_next_run_makes_it_up(stage: Stage) -> None:
    session = stage.session(calibrated_lab())
    started(stage, session)
    session.reset()
    stage.settle()
    calibration_ends(stage)
    assert session.display.all("show_model") == []
    started(stage, session, 20)
    assert [dict(start.parameters) for start in stage.starts()] == [{}, {}]


def test_a_calibration_in_slices_comes_to_its_own_end_however_short_the_runs_are(stage: Stage) -> None:
    session = stage.session(calibrated_lab())
    started(stage, session)
    run = stage.starts()[0].run
    for step in (1, 2, 3):
        stage.answer(Sliced(run, Frame(facts={"step_ns": step}), session.lab.budget_s))
        stage.wait(1)
        assert session.display.all("show_model") == [], "half of the constants are no use to a model"
    stage.answer(Ended(run))
    stage.answer(Finished(run, None))
    assert session.display.all("show_model") == [({"rows": 10}, 30)]


def test_each_slice_of_a_calibration_may_take_as_long_as_preparations_do(stage: Stage) -> None:
    """One server after the other is started in it, the last one of them late: a database takes its time on a busy machine."""
    session = stage.session(calibrated_lab())
    started(stage, session)
    stage.answer(Sliced(stage.starts()[0].run, Frame(), 0.01))
    stage.wait(SETTLE_S)
    stage.wait(PREPARE_S - 1)
    calibration_ends(stage)
    assert session.display.all("show_model") == [({"rows": 10}, 30)]
    stage.slice()
    stage.wait(SLICE_S + 1)
    assert "did not answer in time" in session.display.status, (
        "that of a run is no longer waited for than a slice takes"
    )


def test_a_stop_in_a_calibration_starts_no_run_and_the_next_one_makes_it_up(stage: Stage) -> None:
    session = stage.session(calibrated_lab())
    started(stage, session)
    session.stop()
    stage.settle()
    stage.answer(Sliced(stage.starts()[0].run, Frame(facts={"step_ns": 3}), 0.01))
    stage.answer(Finished(stage.starts()[0].run, None))
    stage.wait(1)
    assert session.display.status == "Stopped before it began."
    assert session.display.all("show_model") == []
    started(stage, session, 20)
    assert [dict(start.parameters) for start in stage.starts()] == [{}, {}]


def test_a_calibration_that_does_not_end_is_given_up_with_a_message(stage: Stage) -> None:
    session = stage.session(calibrated_lab())
    started(stage, session)
    run = stage.starts()[0].run
    stage.answer(Sliced(run, Frame(facts={"step_ns": 3}), 0.01))
    stage.answer(Sliced(run, Frame(facts={"step_ns": 3}), MAX_CALIBRATION_S))
    stage.answer(Finished(run, None))
    assert "Calibration took too long" in session.display.status
    assert [dict(start.parameters) for start in stage.starts()] == [{}]


def test_a_closed_lab_is_neither_run_nor_drawn(stage: Stage) -> None:
    session = stage.session()
    session.change({"rows": 20})
    session.close()
    stage.settle()
    stage.wait(1)
    assert stage.starts() == []
    assert session.display.all("close") == [()]


def test_an_interrupt_between_cells_stops_the_run_in_one_line(stage: Stage) -> None:
    session = stage.session()
    started(stage, session)
    stage.slice()
    stage.conductor.post(stage.conductor.interrupt)
    stage.settle()
    assert session.display.status == "Interrupted: this run is stopped. The next one works as usual."
    stage.slice()
    stage.finish()
    assert session.results.records[0].status == "stopped"


def test_stop_while_a_slider_rests_says_that_nothing_will_be_measured(stage: Stage) -> None:
    session = stage.session()
    session.change({"rows": 20})
    stage.settle()
    session.stop()
    stage.settle()
    assert session.display.status == "Stopped before it began."
    stage.wait(2 * REST_S)
    assert stage.starts() == []


def slice_of(stage: Stage, turn: int, rows: int) -> None:
    frame = Frame({"latency_ns": np.full(5, 100.0 * rows)}, {"calls": 5}, {TURN: turn})
    stage.slice(frame=frame)


def pinned_at_10(stage: Stage) -> Session:
    session = stage.session()
    started(stage, session)
    stage.slice()
    stage.answer(Ended(stage.starts()[-1].run))
    stage.finish()
    session.pin()
    stage.settle()
    return session


def test_while_a_run_is_pinned_both_settings_are_measured_in_turns(stage: Stage) -> None:
    session = pinned_at_10(stage)
    started(stage, session, rows=20)
    assert stage.starts()[-1].parameters == {"settings": [{"rows": 20}, {"rows": 10}]}
    slice_of(stage, 1, 10)
    slice_of(stage, 0, 20)
    slice_of(stage, 0, 20)
    slice_of(stage, 1, 10)
    stage.answer(Ended(stage.starts()[-1].run))
    stage.finish()
    *_, pinned, record = session.results.records
    assert (pinned.parameters, record.parameters) == ({"rows": 10}, {"rows": 20})
    assert (
        pinned.column("latency_ns").tolist() == [1000.0] * 10 and record.column("latency_ns").tolist() == [2000.0] * 10
    )
    assert measured_in_turns(record, pinned) and session.results.pinned is pinned
    assert record.sizes == pinned.sizes == {"latency_ns": (5, 5)}
    assert (record.status, pinned.status) == ("complete", "complete")
    assert session.display.all("show_pinned")[-1] == (pinned,)
    assert (
        "2.00× (too few samples for an interval) above the pinned run"
        in session.display.all("show_words")[-1][0].verdict
    )


def test_each_setting_has_the_time_of_a_run_and_time_to_prepare(stage: Stage) -> None:
    session = pinned_at_10(stage)
    started(stage, session, rows=20)
    slice_of(stage, 1, 10)
    stage.time += PREPARE_S * 0.9
    stage.settle()
    assert not stage.worker.killed, "the first slice of the other setting has its preparations"
    slice_of(stage, 0, 20)
    for turn in (0, 1):
        number = stage.starts()[-1].run
        stage.answer(Sliced(number, Frame({"latency_ns": np.ones(5)}, facts={TURN: turn}), session.lab.budget_s - 0.1))
        assert (Finish(number) in stage.worker.commands) is (turn == 1), "both have had their seconds"
        stage.wait(SETTLE_S)


def test_a_run_that_is_stopped_before_the_pinned_setting_had_a_slice_keeps_the_earlier_pinned_run(stage: Stage) -> None:
    session = pinned_at_10(stage)
    pinned = session.results.pinned
    started(stage, session, rows=20)
    slice_of(stage, 0, 20)
    session.stop()
    stage.settle()
    stage.finish()
    assert session.results.pinned is pinned
    assert APART in session.display.all("show_words")[-1][0].verdict


def test_a_pinned_run_that_is_let_go_of_in_mid_run_stays_gone(stage: Stage) -> None:
    session = pinned_at_10(stage)
    started(stage, session, rows=20)
    slice_of(stage, 1, 10)
    session.pin()
    stage.settle()
    assert session.results.pinned is None and session.display.all("show_pinned")[-1] == (None,)
    slice_of(stage, 0, 20)
    stage.answer(Ended(stage.starts()[-1].run))
    stage.finish()
    assert session.results.pinned is None
    started(stage, session, rows=50)
    assert stage.starts()[-1].parameters == {"rows": 50}


def test_the_button_says_what_it_does_next(stage: Stage) -> None:
    session, view = stage.shown(fast_lab())
    pin = next(each for each in view._buttons.children if each.description == "Pin")
    for expected in ("Pin", "Unpin", "Pin"):
        assert pin.description == expected
        started(stage, session)
        stage.answer(Ended(stage.starts()[-1].run))
        stage.finish()
        pin.click()
        stage.settle()


def test_the_question_can_be_measured_again_by_a_button_that_comes_with_the_answer(stage: Stage) -> None:
    _, view = stage.shown(asking_lab({"rows": 20}))
    assert view._again.layout.display == "none"
    view._choices[0].click()
    stage.settle()
    assert view._again.layout.display == ""
    view._again.click()
    stage.settle()
    stage.answer(Ended(stage.starts()[-1].run))
    stage.finish()
    assert [start.parameters for start in stage.starts()][-1] == {"rows": 20}
    assert view._controls["rows"].value == 20


def asking_lab(*runs: dict[str, Any]) -> Lab:
    choices = {"more": Answer("Not more.", "More."), "less": Answer("Not less.")}
    find: Any = lambda *records: Outcome("more", " and ".join(str(run.parameters["rows"]) for run in records))  # noqa: E731
    return fast_lab(prediction=Prediction("?", choices, runs, find))


def test_a_choice_sets_the_controls_and_measures_what_settles_it(stage: Stage) -> None:
    session = stage.session(asking_lab({"rows": 20}))
    session.predict("less")
    stage.settle()
    assert session.display.all("set_controls") == [({"rows": 20},)]
    assert stage.starts()[-1].parameters == {"rows": 20}
    stage.slice()
    assert session.display.all("show_words")[-1][0].comment == "", "not before the run is over"
    stage.answer(Ended(stage.starts()[-1].run))
    stage.finish()
    comment = session.display.all("show_words")[-1][0].comment
    assert comment == "You predicted less. Not less. The measurement: 20, so the answer is more. More."


def test_two_settings_in_question_are_measured_in_turns_and_the_next_run_alone(stage: Stage) -> None:
    session = stage.session(asking_lab({"rows": 10}, {"rows": 20}))
    future = session.predict(None)
    stage.settle()
    assert stage.starts()[-1].parameters == {"settings": [{"rows": 20}, {"rows": 10}]}
    slice_of(stage, 0, 20)
    slice_of(stage, 1, 10)
    stage.answer(Ended(stage.starts()[-1].run))
    stage.finish()
    assert future.result(0).parameters == {"rows": 20}
    assert (
        session.display.all("show_words")[-1][0].comment == "The measurement: 10 and 20, so the answer is more. More."
    )
    started(stage, session, rows=50)
    assert stage.starts()[-1].parameters == {"rows": 50}
    assert session.display.all("show_pinned")[-1] == (None,)


def test_measured_again_the_question_is_settled_again(stage: Stage) -> None:
    session = stage.session(asking_lab({"rows": 20}))
    for _ in range(2):
        session.predict("more")
        stage.settle()
        stage.slice()
        stage.answer(Ended(stage.starts()[-1].run))
        stage.finish()
    assert [run.parameters["rows"] for run in session.results.records] == [20, 20]
    assert "agrees: 20. More." in session.display.all("show_words")[-1][0].comment


# --- nobody waits in vain ---------------------------------------------------------------------------------------------


def broken(*_: Any) -> Any:
    raise ZeroDivisionError("ours")


class WithoutCode(Lab):
    @property
    def code(self) -> str:
        raise ZeroDivisionError("ours")


IN_THE_LAB, IN_THE_DISPLAY = (
    ("sent", "table", "verdict", "trust"),
    ("set_controls", "show_pinned", "show_run", "show_words"),
)


def leaving(*_: Any, **__: Any) -> Any:
    sys.exit("as a learner's function may")


def test_a_function_that_wants_to_end_the_program_ends_only_its_run(stage: Stage) -> None:
    session, other = stage.session(fast_lab(predict=leaving)), stage.session()
    future = session.run({"rows": 10})
    stage.settle()
    with pytest.raises(ExperimentFailed, match="SystemExit: as a learner's function may"):
        future.result(0)
    started(stage, other)
    stage.slice()
    assert "s left" in other.display.status


@pytest.mark.parametrize("where", [*IN_THE_LAB, *IN_THE_DISPLAY, "show_progress", "code"])
def test_wherever_an_exception_comes_from_the_caller_gets_it_and_the_lab_goes_on(where: str) -> None:
    lock = Lock()
    stage = Stage(fast_lab, lock)
    lab = fast_lab(kind=WithoutCode if where == "code" else Lab)
    session, other = stage.session(lab), stage.session()
    if where != "code":
        vars(lab if where in IN_THE_LAB else session.display)[where] = broken
    future, second = session.run({"rows": 10}), other.run({"rows": 20})
    stage.settle()
    while not (future.done() and second.done()):
        stage.slice()
        stage.answer(Ended(stage.starts()[-1].run))
        stage.finish()
    with pytest.raises(ExperimentFailed, match="ZeroDivisionError"):
        future.result(0)
    assert second.result(0).status == "complete"
    assert not lock.held, "other notebooks can measure"


def test_an_experiment_that_cannot_be_pickled_is_told_in_one_sentence_and_delays_no_other() -> None:
    connection = sqlite3.connect(":memory:")

    def asking(rows: int) -> Iterator[Frame]:
        yield Frame(facts={"found": connection.execute("select 1").fetchone()})

    lock = Lock()
    stage = Stage(fast_lab, lock)
    session = stage.session(fast_lab(experiment=asking))
    future = session.run({"rows": 10})
    stage.settle()
    said = (
        "The experiment uses `connection` (a sqlite3.Connection), which cannot be sent to the measuring process: "
        "open it inside the experiment."
    )
    assert session.display.status == said
    with pytest.raises(ExperimentFailed, match="open it inside the experiment"):
        future.result(0)
    assert not lock.held
    started(stage, stage.session())
    assert len(stage.starts()) == 1, "the next lab measures"


def test_a_worker_that_dies_before_it_is_ready_is_tried_once_more_and_then_its_log_is_told() -> None:
    stage = Stage(fast_lab, can_start=False)
    session = stage.session()
    future = session.run({"rows": 10})
    stage.settle()
    stage.answer(Died(stage.worker.pid, ""))
    assert len(stage.workers) == 2
    assert session.display.status == "Preparing …", "the first death may have been chance"
    stage.answer(Died(stage.worker.pid, "Traceback …\nImportError: no module named numpy"))
    said = "The measuring process cannot start: ImportError: no module named numpy."
    assert session.display.status == f"{said} {AFTER}"
    assert session.display.all("show_details")[-1] == ("Traceback …\nImportError: no module named numpy",)
    with pytest.raises(ExperimentFailed, match="no module named numpy"):
        future.result(0)
    stage.wait(60)
    assert len(stage.workers) == 2, "nothing is started again by itself"
    started(stage, session)
    stage.answer(Died(stage.worker.pid, "again"))
    assert len(stage.workers) == 3
    assert "cannot start: again" in session.display.status


def test_a_worker_that_starts_at_last_measures_as_usual() -> None:
    stage = Stage(fast_lab, can_start=False)
    session = stage.session()
    started(stage, session)
    for _ in range(2):
        stage.answer(Died(stage.worker.pid, "no memory"))
    started(stage, session, rows=20)
    stage.answer(Ready({}))
    stage.slice()
    stage.answer(Died(stage.worker.pid, ""))
    assert "ended unexpectedly and was replaced" in session.display.status


def test_idle_workers_that_die_are_not_started_again_and_again(stage: Stage) -> None:
    stage.conductor.post(stage.conductor.warm_up)
    for _ in range(20):
        stage.settle()
        stage.answer(Died(stage.worker.pid, ""))
        stage.wait(1)
    assert len(stage.workers) == 1
