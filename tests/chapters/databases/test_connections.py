"""The lab on connections: waits overlap, commits are shared, CPUs and a hot row are not; and what is said of that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import corpus
import numpy as np
import pytest
from drawing import drawn, points
from dying_servers import LAST_WORDS
from labs import measured_together
from predictions import assert_each_comment_fits
from relations import two_of_three

from perflab.chapters.databases import connections, connections_model
from perflab.chapters.databases.connections import ALIKE, REPORTS, WRITES
from perflab.chapters.databases.connections_model import NUMBERS, ONE_PER_S, PER_S, RESPONSE, gained, mean_response
from perflab.lab import Lab, Outcome, Record
from perflab.measure.frame import Frame, merge
from perflab.systems.process.installed import Installable, NotStarted
from perflab.systems.servers.query_kinds import COMMITS, COMPUTES, HOT, KINDS, POSTGRES, SQLITE, WAITS
from perflab.systems.servers.querying import MAX_S

NAME = "databases.connections"
LAB = connections.lab()
CONSTANTS = {
    f"{database}: {name}": 1e6 * milliseconds
    for database in (SQLITE, POSTGRES)
    for name, milliseconds in {
        "computes, 1": 1.0,
        "waits, 1": 5.0,
        "durable commit, 1": 0.5,
        "durable commit, 2": 0.55,
        "durable commit, 8": 1.12,
        "durable commit, 64": 2.24,
        "one hot row, 1": 0.4,
        "one hot row, 16": 8.0,
        connections_model.WITHOUT_WAIT: 0.1,
    }.items()
}


def record(kind: str = COMMITS, number: int = 32, per_s: float = 4_000.0, one: float = 500.0, **changes: Any) -> Record:
    """Eight slices that scatter by 1%."""
    scatter = np.linspace(0.99, 1.01, 8)
    committed = 900 if kind in (COMMITS, HOT) else 0
    samples = {PER_S: per_s * scatter, ONE_PER_S: np.full(8, one), RESPONSE: np.full(100, 8_000_000)}
    frame = Frame(samples, {"calls": 900, "committed": committed}, {"stored": committed})
    chosen = LAB.check({"kind": kind, "connections": number})
    return replace(Record("connections", chosen, 1, "", frame, 2.0, "complete", constants=CONSTANTS), **changes)


def outcome(reports: Record, commits: Record) -> Outcome | None:
    assert LAB.prediction is not None
    together = [replace(each, turns="together") for each in (reports, commits)]
    return LAB.prediction.outcome(together, LAB.check)


@pytest.mark.clock
def test_waits_overlap_and_a_hot_row_is_one_after_the_other() -> None:
    def look() -> tuple[float, float]:
        waits, hot = measured_together(
            LAB, {"kind": WAITS, "connections": 16}, {"kind": HOT, "connections": 16}, budget_s=1.0
        )
        return gained(waits), gained(hot)

    two_of_three(look, lambda found: found[0] > 4 and found[0] > 2 * found[1], "waits overlap, the hot row does not")


@pytest.mark.clock
def test_a_click_tells_and_all_that_was_acknowledged_is_stored() -> None:
    reports, commits = corpus.click(NAME).records
    assert commits.fact("stored") == commits.count("committed") > 0 == reports.count("committed")
    assert mean_response(reports) > 0 < mean_response(commits)


@pytest.mark.parametrize("database", connections_model.databases())
def test_the_model_knows_what_each_kind_waits_for(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections_model, "effective_cpus", lambda: 2.0)
    chosen = LAB.check({"database": database} if database != SQLITE else {})
    model = LAB.model(chosen, CONSTANTS)
    gains = {kind: dict(zip(NUMBERS.tolist(), gains.tolist(), strict=True)) for kind, gains in model.gains.items()}
    assert [gains[COMPUTES][number] for number in (1, 2, 64)] == pytest.approx([1, 2, 2])
    assert [gains[WAITS][number] for number in (1, 8, 64)] == pytest.approx([1, 8, 50]), "50 waits keep the CPUs busy"
    assert [gains[HOT][number] for number in (1, 2, 64)] == pytest.approx([1, 0.8, 0.8]), "hand-overs cost a fifth"
    assert [gains[COMMITS][number] for number in (1, 2, 8, 64)] == pytest.approx(
        [1, 1 / 0.55, 8 * 0.5 / 1.12, 64 / 4.48]
    )
    assert model.responses[COMMITS][-1] == pytest.approx(2.24e6)
    assert model.kind == COMPUTES == chosen["kind"]


@pytest.mark.process
def test_where_postgresql_does_not_start_sqlite_is_measured_and_a_run_of_it_is_refused_in_words(
    monkeypatch: pytest.MonkeyPatch, dying: Callable[..., None]
) -> None:
    dying("postgres", "initdb")
    monkeypatch.setattr(connections_model, "PROBES", 1)
    constants, none = (merge(connections_model.calibrate(each)).facts for each in (SQLITE, POSTGRES))
    assert none == {}
    lab = connections.lab()
    assert np.isnan(lab.model(lab.check({"database": POSTGRES}), constants).responses[WAITS]).all()
    assert np.isfinite(lab.model(lab.check({}), constants).responses[WAITS]).all()
    with pytest.raises(NotStarted, match=rf"^PostgreSQL does not start(.|\n)*{LAST_WORDS}"):
        next(connections.experiment(WAITS, 8, POSTGRES))


def test_one_cpu_gives_nothing_to_a_second_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections_model, "effective_cpus", lambda: 0.5)
    assert LAB.model(LAB.check({}), CONSTANTS).gains[COMPUTES] == pytest.approx(np.ones(NUMBERS.size))


def test_a_run_says_what_the_connections_gain_and_why() -> None:
    said = LAB.verdict(record(), None).text
    assert "32 connections get 4,000 queries/s, 8.00× (7.92–8.08) one connection" in said
    assert "a query takes 8.0 ms on average" in said and "share the next commit" in said
    assert LAB.found(record(), None) == "32 connections instead of one, “durable commit”: 8.0× the throughput."


def test_one_connection_is_compared_with_nothing() -> None:
    said = LAB.verdict(record(number=1), None).text
    assert "1 connection gets 4,000 queries/s; a query takes" in said
    assert LAB.found(record(number=1), None) == ""


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_a_reason_and_a_scenario(kind: str) -> None:
    found = record(kind)
    assert connections_model.why(found.parameters) in LAB.verdict(found, None).text
    assert connections.scenario(LAB.check({"kind": kind})).startswith("8 connections ask again and again. ")
    assert connections.scenario(LAB.check({"kind": kind, "connections": 1})).startswith("One connection asks ")


def test_few_connections_are_not_said_to_find_no_more_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections_model, "effective_cpus", lambda: 4.0)
    told = [connections_model.why({"kind": COMPUTES, "connections": number}) for number in (2, 4, 64)]
    assert told == [
        "Many connections will find no more CPUs: 4 here.",
        *2 * ["More connections find no more CPUs: 4 here."],
    ]


def test_a_pinned_run_of_another_kind_is_named_in_the_headline() -> None:
    sizes = {PER_S: (1,) * 8, ONE_PER_S: (1,) * 8}
    now, pinned = (
        replace(each, turns="together", sizes=sizes) for each in (record(), record(COMPUTES, per_s=900, one=450))
    )
    said = "32 connections instead of one: “durable commit” 8.0× the throughput, “computes” 2.0×."
    assert LAB.found(now, pinned) == said
    assert "4.44× (4.44–4.44) above the pinned run" in LAB.verdict(now, pinned).text
    assert len(LAB.table(now, pinned)[0]) == 3


def test_lost_commits_make_a_run_invalid() -> None:
    frame = record().frame
    lost = record(frame=replace(frame, facts={"stored": 899}))
    found = LAB.verdict(lost, None)
    assert found.kind == "invalid" and "900 were acknowledged, and 899 are stored" in found.text


def test_without_two_commits_in_a_slice_nothing_is_told() -> None:
    found = LAB.verdict(record(per_s=np.nan), None)
    assert found.kind == "invalid" and "too long" in found.text
    assert LAB.verdict(Record("connections", LAB.check({}), 1, ""), None).kind == "invalid"
    assert np.isnan(gained(record(per_s=np.nan))) and connections_model.gain_said(record(per_s=np.nan)) == ""


@pytest.mark.parametrize(
    ("reports", "commits", "choice"),
    [((900, 450), (4_000, 500), WRITES), ((9_000, 500), (4_000, 2_000), REPORTS), ((900, 450), (1_050, 500), ALIKE)],
)
def test_each_choice_can_be_what_was_measured(
    reports: tuple[float, float], commits: tuple[float, float], choice: str
) -> None:
    found = outcome(record(COMPUTES, 32, *reports), record(COMMITS, 32, *commits))
    assert found is not None and found.choice == choice
    assert_each_comment_fits(connections.PREDICTION, found)


def test_gains_that_scatter_or_too_few_of_them_settle_nothing() -> None:
    reports, commits = record(COMPUTES, per_s=900, one=450), record()
    wide = Frame({**commits.frame.samples, PER_S: np.geomspace(100, 8_000, 8)}, commits.frame.counts, {"stored": 900})
    assert outcome(reports, replace(commits, frame=wide)) is None
    few = Frame(
        {name: column[:5] for name, column in commits.frame.samples.items()}, commits.frame.counts, {"stored": 900}
    )
    assert outcome(reports, replace(commits, frame=few)) is None
    assert outcome(record(COMPUTES, 16), commits) is None, "another number of connections"


def test_a_slice_without_a_number_is_left_out() -> None:
    samples = {**record().frame.samples, PER_S: np.array([np.nan, *[4_000.0] * 7])}
    found = record(frame=replace(record().frame, samples=samples))
    assert gained(found) == 8 and LAB.verdict(found, None).kind == ""


@pytest.mark.parametrize(("chart", "value"), [(0, 8.0), (1, 8e6)])
def test_a_run_is_a_dot_of_its_kind_on_the_lines_of_all_kinds(chart: int, value: float) -> None:
    built, _ = drawn(connections.CHARTS[chart])
    chosen = LAB.check({"kind": COMMITS, "connections": 32})
    built.show_model(chosen, LAB.model(chosen, CONSTANTS))
    run = record()
    built.show_run(run, (run,))
    dots = [points(each) for each in built._axes.get_lines()]
    assert [(32.0, pytest.approx(value))] in dots
    lines = [each for each in dots if len(each) == NUMBERS.size]
    assert len(lines) == len(KINDS) + 1 and lines.count(lines[-1]) == 2, "the chosen one's is drawn in full"


def test_each_mark_has_a_key_on_the_charts() -> None:
    texts = [[text.get_text() for text in drawn(chart)[0]._axes.texts] for chart in connections.CHARTS]
    assert {*texts[0]} == {"● computes", "▲ waits", "■ durable commit", "◆ one hot row"}, "as its dots are drawn"
    for chart in connections.CHARTS:
        assert drawn(chart)[0]._axes.get_legend_handles_labels()[1] == ["model", "pinned run", "this run"]


def without(monkeypatch: pytest.MonkeyPatch, found: str | None) -> Lab:
    monkeypatch.setattr(Installable, "find", lambda _: found)
    return connections.lab()


def test_postgresql_is_a_control_where_it_is_installed_and_a_sentence_where_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lab = without(monkeypatch, None)
    assert set(lab.controls) == {"kind", "connections"} and lab.model(lab.check({}), CONSTANTS).kind == COMPUTES
    assert "not installed, so it is not measured here" in " ".join(row[1] for row in LAB.trust(record(), None))
    lab = without(monkeypatch, "/usr/bin/postgres")
    assert lab.controls["database"].values == (SQLITE, POSTGRES)


def fake(monkeypatch: pytest.MonkeyPatch, load: Callable[..., Any]) -> list[str]:
    """A database without a process."""
    seen: list[str] = []

    class Fake:
        stored = 0

        def __init__(self, name: str) -> None:
            seen.append(f"opened {name}")

        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_: Any) -> None:
            seen.append("closed")

    monkeypatch.setattr(Fake, "load", staticmethod(load), raising=False)
    monkeypatch.setattr(connections, "querying", Fake)
    return seen


def test_a_slice_asks_for_one_connection_and_for_all_and_nothing_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def load(kind: str, number: int, seconds: float) -> Any:
        asked.append(number)
        assert seconds <= MAX_S
        return connections_model.Queried([1_000] * number, 10 * number, 0.1)

    seen = fake(monkeypatch, load)
    slices = connections.experiment(WAITS, 4)
    frame = next(slices)
    assert asked == [4, 1, 4], "the first is left out"
    assert frame.samples[PER_S].tolist() == [400.0] and frame.samples[ONE_PER_S].tolist() == [100.0]
    assert frame.counts == {"calls": 50, "committed": 0} and frame.samples[RESPONSE].size == 4
    slices.close()  # type: ignore[attr-defined]
    assert seen == ["opened SQLite", "closed"]
