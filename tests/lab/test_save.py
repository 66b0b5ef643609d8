"""A saved record is whole, found again, readable for others, and reads back as it was."""

from __future__ import annotations

import json
import math
import os
import stat
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import perflab
from perflab.lab import Lab, save
from perflab.lab.calibration import Calibration
from perflab.lab.new_run import new_run
from perflab.lab.record import Record
from perflab.lab.save import load_record, save_record, told_of_saving
from perflab.measure.frame import Frame
from perflab.measure.noise import NoiseLedger

LOUD = NoiseLedger(1e6, 3e6, 1.0, 1.0, 0, 0.0, None, 1.0)
COLUMNS = {
    "latency_ns": np.random.default_rng(1).lognormal(7, 0.2, 500),
    "whole_ns": np.array([1, 2**53 + 1, -3]),
    "small": np.array([0.1, 1 / 3], np.float32),
    "odd": np.array([math.nan, math.inf, -math.inf, -0.0, 5e-324]),
    "hit": np.array([True, False, True]),
    "page": np.array(["a", "", 'two "words", and\nlines', "é", "True", "nan"]),
    "position": np.array([3, -7], np.int16),
    "empty": np.array([], np.int64),
}
needs_posix = pytest.mark.skipif(os.name == "nt", reason="Windows keeps other permissions")


def record(**changes: Any) -> Record:
    parts: dict[str, Any] = {
        "lab": "query",
        "chapter": "where_latency_comes_from",
        "parameters": {"rows": 10, "indexed": np.bool_(True), "share": 0.3, "kind": "scan"},
        "seed": 7,
        "started": "2026-01-02T03:04:05.678901+00:00",
        "frame": Frame(
            COLUMNS, {"calls": np.int64(500), "failures": 2}, {"step_ns": math.nan, "most": math.inf, "kind": "x"}
        ),
        "measured_s": 1.25,
        "status": "stopped",
        "noise": LOUD,
        "constants": {"step_ns": 3.5, "none": -math.inf},
        "environment": {"python": "3.12", "effective_cpus": 0.5},
        "code": "def query():\n    yield 'ä'\n",
        "turns": "now 7",
        "sizes": {"latency_ns": (200, 300)},
    }
    return Record(**{**parts, **changes})


def same(left: Any, right: Any) -> bool:
    return left == right or (left != left and right != right)


def test_a_record_reads_back_as_it_was(tmp_path: Path) -> None:
    saved = record()
    for path in save_record(saved, tmp_path):
        back = load_record(str(path))
        for name in {field.name for field in fields(Record)} - {"frame", "parameters"}:
            assert getattr(back, name) == getattr(saved, name), name
        assert dict(back.parameters) == {"rows": 10, "indexed": True, "share": 0.3, "kind": "scan"}
        assert back.frame.counts == saved.frame.counts
        assert all(same(back.fact(name), fact) for name, fact in saved.frame.facts.items())
        assert list(back.frame.samples) == list(COLUMNS)
        for name, column in COLUMNS.items():
            assert back.column(name).dtype == column.dtype, name
            np.testing.assert_array_equal(back.column(name), column, name)
        assert [part.size for part in back.slices("latency_ns")] == [200, 300]


@pytest.mark.parametrize(
    "frame", [Frame(), Frame({"page": np.array([""])}), Frame({"page": np.array(["", ""]), "n": np.array([1])})]
)
def test_records_with_hardly_anything_in_them_read_back_too(frame: Frame, tmp_path: Path) -> None:
    back = perflab.load_record(save_record(record(frame=frame, noise=None), tmp_path)[0])
    assert back.noise is None
    assert {name: column.tolist() for name, column in back.frame.samples.items()} == {
        name: column.tolist() for name, column in frame.samples.items()
    }


def test_the_story_is_strict_json(tmp_path: Path) -> None:
    def refuse(name: str) -> None:
        raise AssertionError(name)

    story = json.loads(save_record(record(), tmp_path)[0].read_text(encoding="utf-8"), parse_constant=refuse)
    assert (story["lab"], story["seed"], story["status"]) == ("query", 7, "stopped")
    assert story["facts"] == {"step_ns": "NaN", "most": "Infinity", "kind": "x"}
    assert story["noise"]["throttled_ms"] is None
    assert story["columns"]["latency_ns"] == {"samples": 500, "type": "<f8"}


def test_histograms_of_two_learners_are_merged_by_adding(tmp_path: Path) -> None:
    halves = COLUMNS["latency_ns"][:200], COLUMNS["latency_ns"][200:]
    frames = [Frame({"latency_ns": half}) for half in halves]
    paths = [save_record(record(lab=f"of-{i}", frame=frame), tmp_path)[0] for i, frame in enumerate(frames)]
    merged: dict[int, int] = {}
    for path in paths:
        for middle, count in json.loads(path.read_text())["histograms"]["latency_ns"].items():
            merged[int(middle)] = merged.get(int(middle), 0) + count
    values = np.repeat(list(merged), list(merged.values()))
    assert values.size == 500
    for share in (0.5, 0.99):
        exact = np.quantile(COLUMNS["latency_ns"], share, method="inverted_cdf")
        assert np.quantile(values, share, method="inverted_cdf") == pytest.approx(exact, rel=2e-3)


def test_only_durations_have_a_histogram_and_what_is_none_is_left_out(tmp_path: Path) -> None:
    odd = Frame({"lateness_ns": np.array([5.0, -1.0, math.nan, math.inf, 1e300]), "hit": np.array([True])})
    story = json.loads(save_record(record(frame=odd), tmp_path)[0].read_text())
    assert story["histograms"] == {"lateness_ns": {"5": 1}}


def test_samples_stand_in_columns_of_their_own_length(tmp_path: Path) -> None:
    uneven = record(frame=Frame({"a_ns": np.array([1, 2]), "b_ns": np.array([3])}))
    assert save_record(uneven, tmp_path)[1].read_text().splitlines() == ["a_ns,b_ns", "1,3", "2,"]


def test_files_are_named_by_chapter_and_lab(tmp_path: Path) -> None:
    names = {path.name for path in save_record(record(), tmp_path)}
    stem = "where_latency_comes_from.query-2026-01-02T03-04-05.678"
    assert names == {f"{stem}.json", f"{stem}.csv"}


def in_a_cell() -> Any:
    scope: dict[str, Any] = {"__name__": "__main__"}
    exec("def sorting(rows):\n    yield", scope)
    return scope["sorting"]


def test_labs_of_cells_and_exercises_have_names_of_their_own() -> None:
    from perflab.chapters.measuring_latency import stopwatch
    from perflab.chapters.where_latency_comes_from import exercises

    def named(experiment: Any) -> str:
        lab = Lab("?", experiment, {}, ())
        return f"{lab.chapter}.{lab.name}"

    assert named(stopwatch.lab().experiment) == "measuring_latency.stopwatch"
    assert named(exercises.time_page) == "where_latency_comes_from.time_page"
    assert named(in_a_cell()) == "notebook.sorting"
    lab = stopwatch.lab()
    owner: Any = None
    (part,) = new_run(lab, 1, owner, lab.check({}), None, Calibration(lab)).parts
    assert (part.blank.chapter, part.blank.lab) == ("measuring_latency", "stopwatch")


@needs_posix
@pytest.mark.parametrize("umask", [0o022, 0o002, 0o077])
def test_the_umask_decides_which_users_may_read_the_files(umask: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        paths = save_record(record(), tmp_path / "results")
    finally:
        os.umask(before)
    assert [stat.S_IMODE(path.stat().st_mode) for path in paths] == [0o666 & ~umask] * 2
    assert stat.S_IMODE((tmp_path / "results").stat().st_mode) == 0o777 & ~umask


@pytest.fixture
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder, a home and a temporary folder of this test's own."""
    for name in ("here", "home", "temporary"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    monkeypatch.setattr(save.tempfile, "gettempdir", lambda: str(tmp_path / "temporary"))
    return tmp_path


def test_it_is_saved_beside_the_notebook(homes: Path) -> None:
    assert save_record(record())[0].parent == homes / "here" / "results"


def test_a_folder_that_cannot_be_written_is_replaced_by_the_home_folder(homes: Path) -> None:
    (homes / "here" / "results").write_text("a file in the way")
    assert save_record(record())[0].parent == homes / "home" / "perflab-results"


def no_home() -> Path:
    raise RuntimeError("Could not determine home directory.")


@pytest.mark.parametrize("home", [no_home, lambda: Path("/dev/null"), lambda: Path("/proc/1/missing")])
def test_without_a_home_it_goes_to_the_temporary_folder_and_where_is_said(
    home: Any, homes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (homes / "here" / "results").write_text("a file in the way")
    monkeypatch.setattr(Path, "home", home)
    told, paths = told_of_saving([record()])
    assert told.startswith("Saved in perflab-results-")
    assert [Path(path).parent.parent for path in paths.splitlines()] == [homes / "temporary"] * 2
    assert load_record(paths.splitlines()[0]).seed == 7


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not let a working folder be removed")
def test_a_working_folder_that_is_gone_is_no_reason_not_to_save(homes: Path) -> None:
    (homes / "here").rmdir()
    assert save_record(record())[0].parent == homes / "home" / "perflab-results"


def test_without_a_run_there_is_nothing_to_save() -> None:
    assert told_of_saving([]) == ("Nothing to save yet: run the lab first.", "")


def test_a_full_disk_leaves_nothing_behind_and_is_told(homes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(save, "_write_samples", full)
    with pytest.raises(OSError, match="No space left"):
        save_record(record())
    assert [path for path in homes.rglob("*") if path.is_file()] == []
    assert told_of_saving([record()])[0].startswith("Not saved: No space left on device.")


@pytest.mark.parametrize("spoil", ["no json", "another json", "cut csv", "no csv", "torn csv", "other columns"])
def test_what_is_no_whole_record_is_refused_in_words(spoil: str, tmp_path: Path) -> None:
    story, samples = save_record(record(), tmp_path)
    lines = samples.read_text(encoding="utf-8").splitlines(keepends=True)
    if spoil == "no csv":
        samples.unlink()
        with pytest.raises(FileNotFoundError, match=samples.name):
            load_record(story)
        return
    if "json" in spoil:
        story.write_text("[1]" if spoil == "another json" else "{")
    else:
        kept = {"cut csv": lines[:100], "torn csv": [*lines[:-1], "7"], "other columns": ["x\n", "1\n"]}[spoil]
        samples.write_text("".join(kept), encoding="utf-8")
    with pytest.raises(ValueError, match="not a whole record of a lab"):
        perflab.load_record(story)
