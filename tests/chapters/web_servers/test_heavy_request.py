"""The lab on a heavy request: an event loop makes the light ones wait for it, processes do not; and what is said of that."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import corpus
import numpy as np
import pytest
from drawing import check_shows_all_and_can_be_emptied, drawn, points
from predictions import assert_each_comment_fits
from turns import side_by_side

from perflab.chapters.web_servers import heavy_request, heavy_request_model
from perflab.chapters.web_servers.heavy_request import ALL, who_waits
from perflab.chapters.web_servers.heavy_request_model import CYCLE_NS, of, waited
from perflab.lab import Lab, Record
from perflab.measure.frame import Frame
from perflab.systems.clients.heavy_among_light import LEAD_S, schedule
from perflab.systems.servers.web import web_server
from perflab.systems.servers.web.web_server import ARCHITECTURES, LOOP, NGINX, NODE, PREFORK, THREADS, YOURS
from perflab.theory import head_of_line

NAME = "web_servers.heavy_request"
LAB = heavy_request.lab()
CONSTANTS = {"light_ns": 300_000.0, "busy_ns": 100_000.0}
MS = 1e6
needs_fork = pytest.mark.skipif(PREFORK not in LAB.controls["architecture"].values, reason="this system cannot fork")


def record(
    architecture: str = LOOP, heavy: int = 200, rate: int = 100, cycles: int = 7, pieces: int = 1, **changes: Any
) -> Record:
    """As the model has it, with a reply in 0.3 ms."""
    times_ns, _ = schedule(rate, 0.5, 0)
    since = np.tile((times_ns - LEAD_S * 1e9) / pieces, cycles)
    wait = head_of_line.wait(since, heavy * MS / pieces, 0.01) if architecture == LOOP else np.zeros(since.size)
    samples = {
        "latency_ns": 300_000 + wait,
        "since_ns": since,
        "waited": wait > 0,
        "heavy_ns": np.full(pieces * cycles if heavy else 0, heavy * MS / pieces),
        "lateness_ns": np.zeros(since.size),
    }
    frame = Frame(samples, {"calls": since.size})
    chosen = LAB.check({"architecture": architecture, "heavy": heavy, "rate": rate, "pieces": pieces})
    return replace(Record("heavy_request", chosen, 1, "", frame, 4.2, "complete", constants=CONSTANTS), **changes)


@pytest.mark.clock
@needs_fork
def test_light_requests_wait_for_the_heavy_one_on_an_event_loop_and_not_with_prefork() -> None:
    prefork, loop = corpus.click(NAME).records
    assert waited(loop) > 0.2 and waited(loop) > 2 * waited(prefork)
    assert of(loop, 0.9) > 2 * of(prefork, 0.9)


def test_the_model_is_a_line_that_falls_on_a_loop_a_switch_on_threads_and_flat_with_processes() -> None:
    for architecture, peak in ((LOOP, 200.3), (PREFORK, 0.3), (THREADS, 5.3)):
        found = LAB.model(LAB.check({"architecture": architecture}), CONSTANTS)
        inside = (found.since_ns >= 0) & (found.since_ns < 200 * MS)
        assert found.response_ns[inside].max() == pytest.approx(peak * MS)
        assert found.response_ns[~inside & (found.since_ns > 203 * MS)] == pytest.approx(0.3 * MS)
        assert np.all(np.diff(found.since_ns) >= 0)
    assert set(found.rows) == {*ARCHITECTURES, YOURS}
    assert found.rows[LOOP]["p99"] == found.rows[NODE]["p99"] == pytest.approx(194.36 * MS, rel=1e-3)
    assert found.rows[THREADS] == pytest.approx({"p50": 0.3 * MS, "p99": 5.3 * MS, "slowest": 5.3 * MS})
    assert set(found.rows[NGINX].values()) == {0.3 * MS}


def test_the_model_knows_the_share_that_waits_and_their_mean() -> None:
    found = LAB.model(LAB.check({"heavy": 500, "rate": 200}), CONSTANTS)
    assert found.waits == pytest.approx(500 / 0.98 / 600) and found.mean_ns == pytest.approx(500**2 / 1200 / 0.98 * MS)
    threads = LAB.model(LAB.check({"architecture": THREADS}), CONSTANTS)
    assert threads.waits == 0 and threads.mean_ns == pytest.approx(5 * MS / 3), (
        "a switch of threads, and none of all of it"
    )
    none = LAB.model(LAB.check({"heavy": 0}), CONSTANTS)
    assert none.waits == none.mean_ns == 0 and set(none.rows[LOOP].values()) == {0.3 * MS}


@pytest.mark.parametrize("pieces", [1, 4])
def test_the_model_is_what_a_run_of_its_own_kind_brings(pieces: int) -> None:
    run = record(pieces=pieces)
    found = LAB.model(run.parameters, CONSTANTS)
    for name, share in heavy_request_model.SHARES.items():
        assert of(run, share) == pytest.approx(found.rows[LOOP][name], rel=0.03)
    assert waited(run) == pytest.approx(found.waits, abs=0.01)
    assert heavy_request_model.mean_wait_ns(run) == pytest.approx(found.mean_ns, rel=0.03)
    mean = "34 ms; 34 ms" if pieces == 1 else "8.4 ms; 8.4 ms"
    assert heavy_request_model.replayed(run) == mean
    assert CYCLE_NS == 600 * MS


def test_a_run_says_who_waited_and_why() -> None:
    said = LAB.verdict(record(), None).text
    assert "420 light requests: p50 300 µs, p99 195 ms, slowest 195 ms. 33% of them waited for a heavy request" in said
    assert "which took 200 ms. One thread does everything" in said
    assert (
        LAB.found(record(), None)
        == "Event loop: 33% of the light requests waited for the heavy one, the slowest 195 ms."
    )
    said = "Prefork: hardly any light request waited for the heavy one; the slowest took 300 µs."
    assert LAB.found(record(PREFORK), None) == said
    assert LAB.found(record(heavy=0), None) == "Event loop, no heavy request: the slowest light one took 300 µs."
    assert "waited" not in LAB.verdict(record(heavy=0), None).text


def test_the_table_has_what_the_model_says_of_the_wait() -> None:
    rows = dict(row[:2] for row in LAB.table(record(), None))
    assert rows["waited for the heavy request: measured; model"] == "33%; 34%"
    assert rows["mean wait of all: measured; model"] == "34 ms; 34 ms"
    assert set(dict(row[:2] for row in LAB.table(record(heavy=0), None)).values()) >= {"–"}
    unknown = dict(row[:2] for row in LAB.table(record(constants={}), None))
    assert unknown["mean wait of all: measured; model"] == "34 ms; –"


def test_in_pieces_as_many_wait_for_a_part_of_the_time() -> None:
    whole, pieces = (LAB.model(LAB.check({"pieces": number}), CONSTANTS) for number in (1, 4))
    assert pieces.waits == pytest.approx(whole.waits) and pieces.mean_ns == pytest.approx(whole.mean_ns / 4)
    assert pieces.rows[LOOP]["slowest"] == pytest.approx(50.3 * MS)
    run = record(pieces=4)
    said = "Event loop: 33% of the light requests waited for a heavy piece, the slowest 49 ms."
    assert LAB.found(run, None) == said
    assert "33% of them waited for a piece of a heavy request, which took 50 ms." in LAB.verdict(run, None).text
    assert heavy_request.scenario(run.parameters).endswith("200 ms of CPU time, in 4 pieces of 50 ms, evenly spaced.")
    assert heavy_request.scenario(record().parameters).endswith("computes for 200 ms of CPU time.")


@pytest.mark.parametrize("architecture", [*ARCHITECTURES, YOURS])
def test_each_architecture_has_a_reason(architecture: str) -> None:
    assert heavy_request_model.why(architecture).endswith(".")


def test_a_pinned_run_of_another_architecture_is_named() -> None:
    now, pinned = side_by_side(record(), record(PREFORK))
    assert LAB.found(now, pinned) == "p99 of the light requests: event loop 195 ms, prefork 300 µs."
    apart = side_by_side(record(), record(PREFORK, rate=50))
    assert LAB.found(*apart).startswith("Event loop: "), "two controls differ"
    assert "above the pinned run" in LAB.verdict(now, pinned).text and LAB.verdict(now, pinned).kind == "clear"


def test_requests_that_failed_or_were_sent_too_late_are_told() -> None:
    run = record()
    frame = replace(run.frame, counts={**run.frame.counts, "failures": 3, "not_sent": 2})
    assert "3 failed" in LAB.verdict(record(frame=frame), None).text
    assert ("failed; found no free connection", "3; 2") in LAB.trust(record(frame=frame), None)
    late = replace(run.frame, samples={**run.frame.samples, "lateness_ns": np.full(420, 50 * MS)})
    assert "50 ms too late" in LAB.verdict(record(frame=late), None).text
    assert LAB.verdict(Record("heavy_request", LAB.check({}), 1, ""), None).kind == "invalid"


@needs_fork
def test_the_question_is_settled_by_the_loop_and_says_both() -> None:
    assert LAB.prediction is not None
    outcome = LAB.prediction.outcome(side_by_side(record(PREFORK), record()), LAB.check)
    assert outcome is not None
    assert (outcome.choice, outcome.measured) == (ALL, "p99 195 ms on the event loop, 300 µs with prefork")
    assert_each_comment_fits(LAB.prediction, outcome)
    assert who_waits(record(cycles=1), record(PREFORK)) is None, "one cycle has no p99"
    assert who_waits(record(heavy=50), record(PREFORK)) is None, "it cannot be that fast"


def test_both_charts_show_the_run_the_pinned_one_and_the_model() -> None:
    now, pinned = record(), record(PREFORK)
    for chart in LAB.charts:
        check_shows_all_and_can_be_emptied(chart, now, pinned, now.parameters, LAB.model(now.parameters, CONSTANTS))  # type: ignore[arg-type]


def test_rows_fill_one_by_one_and_each_is_where_its_architecture_is() -> None:
    built, artists = drawn(LAB.charts[1])  # type: ignore[arg-type]
    now, before = record(), record(THREADS)
    built.show_run(now, (before, now))
    here = LAB.controls["architecture"].values
    assert points(artists["p99"]) == [(pytest.approx(of(now, 0.99)), here.index(LOOP))]
    dots = [points(each) for each in built._axes.get_lines()]
    assert [
        (pytest.approx(of(before, 0.5)), here.index(THREADS)),
        (pytest.approx(of(now, 0.5)), here.index(LOOP)),
    ] in dots


def without(monkeypatch: pytest.MonkeyPatch, *gone: str) -> Lab:
    """The lab where these architectures cannot be started."""
    left = tuple(each for each in ARCHITECTURES if each not in gone)
    monkeypatch.setattr(heavy_request_model, "found", lambda: left)
    monkeypatch.setattr(heavy_request_model, "why_missing", lambda each: f"No {each}." if each in gone else "")
    return heavy_request.lab()


def test_what_is_not_here_is_no_row_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    lab = without(monkeypatch, NODE, NGINX)
    assert NODE not in lab.controls["architecture"].values
    assert ("not measured here", f"No {NODE}. No {NGINX}.") in lab.trust(record(), None)


def test_where_a_system_cannot_fork_the_question_is_about_the_loop_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    lab = without(monkeypatch, PREFORK, web_server.PROCESS_EACH)
    assert lab.prediction is not None and len(lab.prediction.runs) == 1
    outcome = lab.prediction.outcome([record()], lab.check)
    assert outcome is not None and outcome.measured == "p99 195 ms on the event loop"
