"""Runs of a lab are found by its name."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from perflab.lab import stage


def session(name: str, *runs: str, **policy: object) -> SimpleNamespace:
    finished = [SimpleNamespace(started=started) for started in runs]
    return SimpleNamespace(lab=SimpleNamespace(name=name, policy=policy), results=SimpleNamespace(finished=finished))


def test_claims_are_judged_by_runs_of_the_lab_itself_not_by_those_of_a_learners_function(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sessions = {
        "first cell": session("routing", "10:02"),
        "second cell": session("routing", "10:01", "10:03"),
        "exercise": session("routing", "10:04", route=min),
        "other lab": session("caching", "10:05"),
    }
    monkeypatch.setattr(stage, "_sessions_by_cell", lambda: sessions)
    assert [run.started for run in stage.records_of("routing")] == ["10:01", "10:02", "10:03"]
