"""Which labs replace which where cells run again, in front ends that name their cells and in those that do not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from labs import find_labs

from perflab.lab import stage
from perflab.lab.stage import Place


class AnyLab:
    """What a session is opened for."""

    def __init__(self, name: str, **policy: object) -> None:
        self.name, self.policy = name, policy


def lab(name: str = "stopwatch", **policy: object) -> Any:
    return AnyLab(name, **policy)


class Opened:
    """A session that only knows whether it was closed."""

    def __init__(self, of: Any, *runs: str) -> None:
        self.lab, self.closed = of, False
        self.results = SimpleNamespace(finished=[SimpleNamespace(started=started) for started in runs])

    def close(self) -> None:
        self.closed = True


class FrontEnd:
    """Runs cells, as the kernel hears of it."""

    def __init__(self, sends_cell_ids: bool) -> None:
        self._sends_cell_ids = sends_cell_ids
        self._executions = 0
        self.user_ns: dict[str, Any] = {}
        self.parent_header: dict[str, Any] = {}

    def run(self, cell: str, *labs: Any, variable: str = "_", shows: bool = True) -> list[Opened]:
        """Run the cell of this text, which opens these labs and shows them."""
        self._executions += 1
        metadata = {"cellId": f"id of {cell}"} if self._sends_cell_ids else {}
        header = {"msg_id": f"message {self._executions}"}
        self.parent_header = {"header": header, "metadata": metadata, "content": {"code": cell}}
        for each in labs:
            self.user_ns[variable] = each
        sessions: list[Any] = [stage.session_of(each) for each in labs]
        for session in sessions if shows else ():
            stage.opened()[session].is_shown = True
        return sessions


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Any], None]]:
    """Let the kernel have this front end."""

    stage.opened.cache_clear()
    monkeypatch.setattr(stage, "_new_session", Opened)
    yield lambda shell: monkeypatch.setattr(stage, "_shell", lambda: shell)
    stage.opened.cache_clear()


IDS = pytest.mark.parametrize("ids", [True, False], ids=["JupyterLab", "Voilà, nbclassic, nbclient"])


@IDS
def test_labs_of_one_name_in_different_cells_do_not_close_each_other(start: Any, ids: bool) -> None:
    front_end = FrontEnd(ids)
    start(front_end)
    (shown,) = front_end.run("stopwatch.lab()", lab())
    (exercise,) = front_end.run("lab = stopwatch.lab()\nlab.run()", lab(), variable="lab")
    assert not shown.closed and not exercise.closed


@IDS
def test_all_labs_of_the_collection_are_open_after_run_all_and_once_only_after_the_second(
    start: Any, ids: bool
) -> None:
    front_end, names = FrontEnd(ids), list(find_labs())
    start(front_end)
    first = [session for name in names for session in front_end.run(f"{name}.lab()", lab(name))]
    assert not any(session.closed for session in first)
    second = [session for name in names for session in front_end.run(f"{name}.lab()", lab(name))]
    assert all(session.closed for session in first) and not any(session.closed for session in second)
    assert list(stage.opened()) == second


@IDS
def test_two_labs_of_one_name_in_one_cell_stay_side_by_side_and_are_replaced_together(start: Any, ids: bool) -> None:
    front_end = FrontEnd(ids)
    start(front_end)
    first = front_end.run("for _ in range(2): display(stopwatch.lab())", lab(), lab())
    assert not any(session.closed for session in first)
    front_end.run("for _ in range(2): display(stopwatch.lab())", lab(), lab())
    assert all(session.closed for session in first)


@IDS
def test_a_lab_that_is_shown_twice_is_one(start: Any, ids: bool) -> None:
    front_end, shown = FrontEnd(ids), lab()
    start(front_end)
    assert front_end.run("lab", shown) == front_end.run("lab", shown) == front_end.run("lab  # again", shown)
    assert not next(iter(stage.opened())).closed  # type: ignore[attr-defined]


@IDS
def test_a_lab_that_a_variable_still_holds_keeps_its_runs(start: Any, ids: bool) -> None:
    front_end, (a, b) = FrontEnd(ids), (lab(), lab())
    start(front_end)
    front_end.user_ns["a"] = a
    (first,) = front_end.run("which.run()", a)
    (second,) = front_end.run("which.run()", b)
    assert not first.closed and not second.closed
    front_end.user_ns["a"] = None
    front_end.run("which.run()", lab())
    assert first.closed and second.closed


def test_where_no_notebook_runs_no_lab_is_closed(start: Any) -> None:
    for shell in (None, SimpleNamespace(user_ns={}, parent_header={})):
        start(shell)
        labs = [lab(), lab()]
        a, b = map(stage.session_of, labs)
        assert not a.closed and not b.closed  # type: ignore[attr-defined]
        assert stage.running_cell() == Place()


@IDS
def test_of_labs_that_are_neither_shown_nor_held_only_the_last_is_kept(start: Any, ids: bool) -> None:
    front_end = FrontEnd(ids)
    for shell in (front_end, None):
        start(shell)
        sessions: list[Any] = []
        for _ in range(5):
            sessions += front_end.run("for _ in range(5): stopwatch.lab().run()", lab(), shows=False)
            front_end.user_ns.clear()
        assert [session.closed for session in sessions] == [True] * 4 + [False], "claims still read its runs"


@IDS
def test_a_closed_lab_that_is_shown_again_is_opened_anew(start: Any, ids: bool) -> None:
    front_end, kept = FrontEnd(ids), lab()
    start(front_end)
    (first,) = front_end.run("labs = [stopwatch.lab()]", kept)
    front_end.run("labs = [stopwatch.lab()]", lab())
    assert first.closed
    (again,) = front_end.run("labs[0]", kept)
    assert again is not first and not again.closed


def test_claims_are_judged_by_runs_of_the_lab_itself_not_by_those_of_a_learners_function(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sessions = [
        Opened(lab("routing"), "10:02"),
        Opened(lab("routing"), "10:01", "10:03"),
        Opened(lab("routing", route=min), "10:04"),
        Opened(lab("caching"), "10:05"),
    ]
    monkeypatch.setattr(stage, "opened", lambda: dict.fromkeys(sessions))
    assert [run.started for run in stage.records_of("routing")] == ["10:01", "10:02", "10:03"]


class Asking:
    """A view whose question may be open."""

    def __init__(self, asks: bool) -> None:
        self.asks, self.asked = asks, 0

    def ask(self) -> None:
        self.asked += 1


class Soon:
    """A conductor that does at once what is posted, and what is timed."""

    def __init__(self) -> None:
        self.loop = self
        self.post = lambda action: action()

    def set_timer(self, name: object, seconds: float, action: Callable[[], None]) -> None:
        action()


@pytest.mark.parametrize(
    ("asks", "seconds_ago", "in_voila", "asked"),
    [
        ((True, True), 10.0, False, [1, 0]),
        ((False, True), 10.0, False, [0, 0]),
        ((True, False), 10.0, False, [0, 0]),
        ((True, True), 2 * stage.RUN_ALL_S, False, [0, 0]),
        ((True, True), 10.0, True, [0, 0]),
        ((), 10.0, False, []),
    ],
    ids=["Run All", "answered", "the second answered", "cell by cell", "Voilà", "no labs"],
)
def test_after_run_all_the_page_stands_at_the_first_question(
    start: Any,
    monkeypatch: pytest.MonkeyPatch,
    asks: tuple[bool, ...],
    seconds_ago: float,
    in_voila: bool,
    asked: list[int],
) -> None:
    front_end, views = FrontEnd(True), [Asking(each) for each in asks]
    start(front_end)
    monkeypatch.setattr(stage, "this_kernels_conductor", Soon)
    monkeypatch.setattr(stage, "shows_cells", lambda: not in_voila)
    for number, view in enumerate(views):
        (session,) = front_end.run(f"{number}.lab()", lab(f"lab {number}"))
        session.lab.prediction, session.display = "a question", view  # type: ignore[attr-defined]
        stage.opened()[session].opened_s -= seconds_ago  # type: ignore[index]
    stage.return_to_the_first_question()
    assert [view.asked for view in views] == asked
