"""The dots of a replay are as many as the record says, each where its moments put it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from drawing import drawn, points
from matplotlib.figure import Figure
from replayed import RUN_S, WORKERS, few_moments, queue_record

from perflab.chapters.load_moments import moments
from perflab.lab import Record
from perflab.lab.moments import (
    ANSWERED,
    ASIDE,
    AT_WORK,
    FAILED,
    GONE,
    IN_LINE,
    NEEDLESS,
    REJECTED,
    SENT,
    SERVED,
    Moments,
)
from perflab.lab.replay_chart import replay_chart
from perflab.lab.scene import LEAVING_S, Film, Scene

MOMENTS_S = np.random.default_rng(5).uniform(0, RUN_S, 50)


def found(record: Record) -> Moments:
    read = moments(WORKERS)(record)
    assert read is not None
    return read


def ahead_ns(server_ns: float) -> int:
    """By how much the server's clock is ahead at this moment of it, as the made-up record has it."""
    for read_s, ahead in ((0.5, 7_000_000_000), (1.0, 7_000_020_000), (1.5, 7_000_500_000)):
        if server_ns <= read_s * 1e9 + ahead:
            return ahead
    return 7_001_000_000


def counted(record: Record, at_s: float) -> dict[str, int]:
    """By hand: what the columns of a record say of this moment."""
    columns = {name: record.column(name).tolist() for name in record.frame.samples}

    def stamps(prefix: str = "") -> list[tuple[float, ...]]:
        names = [f"{prefix}{name}" for name in ("arrived_ns", "started_ns", "done_ns")]
        rows = zip(*(columns[name] for name in names), strict=True)
        return [tuple((each - ahead_ns(each)) / 1e9 for each in row) for row in rows]

    served, unasked = stamps(), stamps("needless_")
    gone = [sum(moment <= at_s for moment in columns[name]) for name in ("completed_s", "rejected_s", "failed_s")]
    in_line = sum(queued <= at_s < started for queued, started, _ in served + unasked)
    at_work = sum(started <= at_s < done for _, started, done in served + unasked)
    answered = sum(done <= at_s < reply for (*_, done), reply in zip(served, columns["completed_s"], strict=True))
    of_requests = sum(queued <= at_s < done for queued, _, done in served) + answered
    due = sum(moment <= at_s for moment in columns["arrived_s"])
    return {
        "served": gone[0],
        "rejected": gone[1],
        "failed": gone[2],
        "in vain": sum(done <= at_s for *_, done in unasked),
        "in line": in_line,
        "at work": at_work,
        "answered": answered,
        "sent": due - sum(gone) - of_requests,
    }


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 2])
def test_at_fifty_moments_the_dots_are_as_many_as_the_record_says(seed: int) -> None:
    record = queue_record(seed)
    film = Film(found(record))
    assert (film.first_s, film.last_s) == (0.0, RUN_S)
    seen: dict[str, int] = {}
    for at_s in MOMENTS_S.tolist():
        scene, said = Scene(film, at_s), counted(record, at_s)
        for name, state in (("in line", IN_LINE), ("at work", AT_WORK), ("sent", SENT), ("answered", ANSWERED)):
            assert scene.number(state) == said[name], (name, at_s)
        for name, became in (("served", SERVED), ("rejected", REJECTED), ("failed", FAILED), ("in vain", NEEDLESS)):
            assert scene.gone(became) == said[name], (name, at_s)
        inside = sum(said[name] for name in ("sent", "in line", "at work", "answered"))
        leaving = np.count_nonzero((scene.states == GONE) & (at_s - film.moments.gone_s < LEAVING_S))
        assert dots_on(film, scene) == inside + leaving
        seen = {name: max(number, seen.get(name, 0)) for name, number in said.items()}
    assert all(number for name, number in seen.items() if name != "answered"), f"something never happened: {seen}"


def dots_on(film: Film, scene: Scene) -> int:
    """How many dots the chart shows."""
    chart, artists = drawn(replay_chart(film))
    chart.show_model({}, scene)
    dots = [line for line in lines_of(artists) if line.get_markersize() == 6]
    assert len(dots) == 4
    return sum(np.isfinite(points(line)).all(axis=1).sum() for line in dots if line.get_xdata().size)


def lines_of(artists: dict[str, Any]) -> list[Any]:
    """Those that consist of markers."""
    return [artist for artist in artists.values() if getattr(artist, "get_linestyle", str)() == "None"]


def test_no_two_dots_stand_in_one_place() -> None:
    film = Film(found(queue_record()))
    for at_s in MOMENTS_S.tolist():
        scene = Scene(film, at_s)
        still = np.isin(scene.states, (SENT, IN_LINE, AT_WORK))
        places = {tuple(point) for point in scene.points[:, still].T.round(6).tolist()}
        assert len(places) == np.count_nonzero(still)


def test_the_first_in_line_stands_in_front_and_moves_up_only() -> None:
    film = Film(found(queue_record()))
    one = int(np.nanargmax(film.moments.started_s - film.moments.queued_s))
    wait_s = np.linspace(film.moments.queued_s[one], film.moments.started_s[one], 200)[1:-1]
    places = np.array([Scene(film, at_s).points[:, one] for at_s in wait_s.tolist()])
    assert np.all(np.diff(places[:, 0]) >= 0) and places[-1, 0] > places[0, 0]


def test_the_percentiles_are_marked_while_their_requests_are_on_the_picture() -> None:
    film = Film(found(queue_record()))
    one = film.marked[0.99]
    assert one is not None
    before, since = film.moments.due_s[one] - 1e-6, film.moments.started_s[one]
    assert Scene(film, before).marked(0.99) is None
    assert Scene(film, since).marked(0.99) == tuple(Scene(film, since).points[:, one])
    chart, artists = drawn(replay_chart(film))
    chart.show_model({}, Scene(film, since))
    rings = [points(line) for line in lines_of(artists) if line.get_markersize() == 12]
    assert len(rings) == 2 and rings[1] == [Scene(film, since).marked(0.99)]


def test_what_the_moment_is_in_words() -> None:
    record = queue_record()
    film, said = Film(found(record)), counted(record, 1.0)
    text = Scene(film, 1.0).text()
    assert text.startswith("1.0000 s of the run · ")
    assert f"in line at least {said['in line']}" in text, (
        "some have failed, and the server has not told where they were"
    )
    text = text.replace("at least ", "")
    for name in ("sent", "in line", "at work", "served", "rejected", "failed"):
        assert f"{name} {said[name]}" in text or not said[name]
    assert f"answered in vain {said['in vain']}" in text


def test_the_line_is_known_up_to_the_first_request_of_which_the_server_has_not_told() -> None:
    film = Film(few_moments())
    assert film.told_until_s == 0.4, "that one failed"
    assert Scene(film, 0.39).is_all_told and not Scene(film, 0.4).is_all_told
    assert film.strip(film.in_line, film.told_until_s)[0].max() <= film.along(np.array(0.4))
    all_told = Film(few_moments(became=np.array([SERVED] * 4 + [REJECTED] * 3)))
    assert all_told.told_until_s == 1.0 and Scene(all_told, 1.0).is_all_told


def test_one_at_work_without_an_end_stands_at_the_beginning_of_its_place() -> None:
    nan = np.nan
    open_end = few_moments(done_s=np.array([0.26, 0.51, 0.76, nan, nan, nan, nan]), gone_s=np.full(7, nan))
    film = Film(open_end)
    at_s = np.array([Scene(film, moment).points[:, 3] for moment in (0.77, 0.99)])
    begins, _ = film.at_worker(open_end.places[3:4], open_end.server[3:4])
    assert (at_s == at_s[0]).all() and begins[0] < at_s[0, 0] < begins[0] + film.place_width / 2


def legend_of(read: Moments) -> str:
    axes = Figure().subplots()
    replay_chart(Film(read)).build(axes)
    return " ".join(text.get_text() for text in axes.texts)


def test_the_legend_says_of_those_without_an_answer_only_what_is_so() -> None:
    known = few_moments(queued_s=few_moments().due_s)
    for read, is_untold in ((few_moments(), True), (known, False)):
        assert "○ no answer in this run" in legend_of(read)
        assert ("so no record of where it was" in legend_of(read)) == is_untold
    assert "no client waits for" not in legend_of(known)
    assert "× work that no client waits for" in legend_of(few_moments(became=np.full(7, ASIDE)))
