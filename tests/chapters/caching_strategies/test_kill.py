"""The lab on kills: what the model says is lost, its words, and a real process that is killed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import corpus
import numpy as np
import psutil
import pytest
from caching_records import COMMITS, kill_record
from drawing import check_shows_all_and_can_be_emptied, drawn, points
from predictions import assert_each_comment_fits
from turns import side_by_side

from perflab.chapters.caching_strategies import kill
from perflab.chapters.caching_strategies import kill_model as model
from perflab.lab import Record
from perflab.measure.frame import Frame, merge
from perflab.systems.servers.victim import ASIDE, BEHIND, STRATEGIES, THROUGH, UNSYNCED, VictimFailed
from perflab.theory.caching import rows_per_commit
from perflab.theory.ttl import zipf

LAB = kill.lab()
START = LAB.check({})
NAME = "caching_strategies.kill"


def test_the_model_is_half_an_interval_and_the_commit_on_average() -> None:
    expected = LAB.model(START, COMMITS)
    rows = float(rows_per_commit(zipf(1_000, 1.0), 200))
    assert expected.rows == rows == pytest.approx(108.0146, abs=1e-3)
    commit_s, kept_s = (2e6 + rows * 1e3) / 1e9, (1e5 + rows * 1e3) / 1e9
    assert expected.mean == pytest.approx(2_000 * (0.05 + commit_s / 2 + kept_s))
    assert expected.lost[0] == pytest.approx(2_000 * kept_s)
    assert expected.lost[-1] == pytest.approx(2_000 * (0.1 + commit_s + kept_s))
    assert np.all(expected.wrong < expected.lost + 0.01) and expected.wrong[-1] < 130 < expected.lost[-1]


@pytest.mark.parametrize("strategy", [ASIDE, THROUGH, UNSYNCED])
def test_what_is_committed_before_it_is_acknowledged_is_not_lost(strategy: str) -> None:
    assert not LAB.model({**START, "strategy": strategy}, COMMITS).lost.any()


def test_few_keys_are_wrong_where_few_are_written() -> None:
    assert LAB.model({**START, "keys": 10}, COMMITS).wrong.max() <= 10


def test_the_words_tell_what_was_lost_and_that_this_was_no_power_cut() -> None:
    run = kill_record()
    said = LAB.verdict(run, None).text
    assert said.startswith("12 kills: 0 to 204 acknowledged writes lost, 0 to 110 entries of the store wrong for it.")
    assert "it does not outlive a power cut." in said
    assert (
        LAB.found(run, None) == "Killed 12 times with write-behind: up to 204 acknowledged writes lost, 102 on average."
    )
    safe = kill_record(strategy=THROUGH)
    assert "12 kills: 0 acknowledged writes lost." in LAB.verdict(safe, None).text
    assert LAB.found(safe, None).endswith("no acknowledged write was lost.")
    unsynced = kill_record(strategy=UNSYNCED)
    assert "no commit waits for the drive" in LAB.verdict(unsynced, None).text
    assert LAB.found(unsynced, None).endswith("no acknowledged write was lost. A power cut would lose some.")
    ahead = replace(safe, frame=replace(safe.frame, samples={**safe.frame.samples, "ahead": np.array([0, 1])}))
    assert "After 1 of them a write was stored that had not been acknowledged" in LAB.verdict(ahead, None).text
    assert "commits each write" in LAB.scenario({**START, "strategy": ASIDE})  # type: ignore[misc]


def test_the_table_has_the_model_beside_the_mean_and_the_entries_of_a_flush() -> None:
    rows = dict(row[:2] for row in LAB.table(kill_record(), None)[1:])
    assert rows["lost on average: measured; model"] == "102; 103"
    assert rows["entries in a flush; writes that they stand for"] == "108; 200"
    assert model.rows_said(kill_record(strategy=THROUGH)) == "1; 1"
    assert model.mean_said(replace(kill_record(), constants={})) == "102"


def test_the_pinned_run_stands_beside() -> None:
    now, pinned = side_by_side(kill_record(), kill_record(flush=10))
    assert "Pinned run: 0 to 24 lost." in LAB.verdict_of(now, pinned).text


@pytest.mark.parametrize(
    ("lost", "choice"),
    [
        ([0, 0, 0, 0], kill.NOTHING),
        ([0, 1, 0, 1], kill.LAST),
        ([5, 60, 180, 20], kill.INTERVAL),
        ([470, 480, 480, 479], kill.ALL),
        ([5, 60, 180], None),
    ],
)
def test_the_question_is_settled_by_what_kills_have_lost(lost: list[int], choice: str | None) -> None:
    found = LAB.prediction.outcome([kill_record(lost)], LAB.check)  # type: ignore[union-attr]
    assert (found and found.choice) == choice
    if choice == kill.INTERVAL and found is not None:
        assert_each_comment_fits(kill.PREDICTION, found)
        assert found.measured.startswith("4 kills lost 5 to 180 acknowledged writes, 66 on average")


def test_the_charts_show_it() -> None:
    run, pinned = kill_record(), kill_record(flush=20)
    other = {**START, "keys": 10}
    check_shows_all_and_can_be_emptied(LAB.charts[1], run, pinned, other, LAB.model(other, COMMITS))  # type: ignore[arg-type]
    left, artists = drawn(LAB.charts[0])  # type: ignore[arg-type]
    left.show_run(run, (run,))
    assert np.array(points(artists["acknowledged"])) == pytest.approx(np.array([(-1.4, 0), (-0.4, 200), (0, 280)]))
    assert np.array(points(artists["in the store"])) == pytest.approx(np.array([(-1.38, 0), (-0.38, 200), (0, 200)]))
    assert model.gap(run) == ([0.0], [76.0], [280.0]) and model.lost_label(run)[2] == " lost: 204"
    assert model.most_writes(run) == pytest.approx(322)
    left.show_run(None)


def test_a_kill_without_a_loss_or_without_a_commit_before_it_can_be_shown() -> None:
    safe = kill_record(strategy=THROUGH)
    assert model.gap(safe) is None and model.lost_label(safe) is None
    empty = Record("kill", START, 1, "")
    assert LAB.verdict(empty, None).kind == "invalid" and LAB.table(empty, None) == []
    for of in (model.acknowledged, model.stored, model.gap, model.lost_label):
        assert of(empty) is None
    assert np.isnan(model.most_writes(empty)) and model.commit_said(empty)
    columns = {name: column for name, column in safe.frame.samples.items() if not name.startswith("commit")}
    assert model.stored(replace(safe, frame=replace(safe.frame, samples=columns))) is None


def test_strategies_are_named_once() -> None:
    assert LAB.controls["strategy"].values == STRATEGIES and START["strategy"] == BEHIND


@pytest.mark.clock
def test_real_kills_lose_up_to_a_flush_interval_of_writes() -> None:
    (run,) = corpus.click(NAME).records
    lost: Any = run.column("lost")
    assert lost.size >= kill.AT_ONCE and lost.max() > 1, lost
    # A machine that is busy elsewhere lengthens an interval, and writes less.
    assert np.median(lost) < 4 * 200 and lost.sum() < run.column("acknowledged").sum()


def slices(**changes: Any) -> Iterator[Frame]:
    return LAB.experiment(**LAB.check({"flush": 20, "rate": 500, **changes}), seed=1)


def left(folder: Path) -> tuple[list[psutil.Process], list[Path]]:
    """Processes of ours, and files in the folder for temporary ones."""
    return psutil.Process().children(), list(folder.iterdir())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files are."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


@pytest.mark.process
@pytest.mark.parametrize("strategy", [ASIDE, UNSYNCED])
def test_where_a_write_is_committed_first_real_kills_lose_nothing(strategy: str, folder: Path) -> None:
    frames = slices(strategy=strategy)
    found = merge(itertools.islice((frame for frame in frames if frame.samples), kill.AT_ONCE))
    frames.close()  # type: ignore[attr-defined]
    assert found.counts["kills"] == kill.AT_ONCE
    assert not found.samples["lost"].any() and int(found.samples["ahead"].max()) <= 1
    assert left(folder) == ([], [])


@pytest.mark.process
def test_a_run_that_is_stopped_leaves_no_process_and_no_file(folder: Path) -> None:
    frames = slices(flush=500)
    for _ in range(kill.AT_ONCE + 1):  # all write, none is killed yet
        next(frames)
    processes, files = left(folder)
    assert len(processes) == len(files) == kill.AT_ONCE
    frames.close()  # type: ignore[attr-defined]
    assert left(folder) == ([], [])


@pytest.mark.process
def test_a_process_that_dies_by_itself_is_one_sentence_and_leaves_nothing(folder: Path) -> None:
    frames = slices(flush=500)
    for _ in range(kill.AT_ONCE):
        next(frames)
    for process in psutil.Process().children():
        process.kill()
    with pytest.raises(VictimFailed, match="ended before it was killed"):
        list(frames)
    assert left(folder) == ([], [])
