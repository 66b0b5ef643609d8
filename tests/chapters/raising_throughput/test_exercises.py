"""The checks of notebook 05 say what is wrong, and accept what is right."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawing import drawn

from perflab.chapters.raising_throughput import exercises
from perflab.lab.record import Record
from perflab.measure.frame import Frame
from perflab.systems.clients.routing import at_random, least_outstanding, round_robin, two_choices
from perflab.theory.scaling import fit


def line_alone(line_mbit: float, window: float, rtt_ms: float, reply: float) -> float:
    return line_mbit * 1e6 / 8 / reply


def one_connection(line_mbit: float, window: float, rtt_ms: float, reply: float) -> float:
    return min(line_mbit * 1e6 / 8, window / (rtt_ms / 1e3)) / reply


@pytest.mark.parametrize(
    "function",
    [
        one_connection,
        lambda line, window, rtt, reply: float(np.minimum(line * 125_000, 1_000 * window / rtt) / reply),
        lambda line, window, rtt, reply: 1 / max(reply * 8 / (line * 1e6), reply * rtt / 1e3 / window),
        lambda *given: np.float64(one_connection(*given)),
        lambda line, window, rtt, reply: min(line * 1_000_000 // 8, window * 1_000 // rtt) / reply,
    ],
)
def test_a_connection_is_limited_by_its_line_and_its_window(function: Any, capsys: pytest.CaptureFixture[str]) -> None:
    exercises.check_connection(function)
    assert "Right" in capsys.readouterr().out


@pytest.mark.parametrize(
    "function",
    [
        line_alone,
        lambda line, window, rtt, reply: window / (rtt / 1e3) / reply,
        lambda line, window, rtt, reply: min(line * 1e6, window / (rtt / 1e3)) / reply,
        lambda line, window, rtt, reply: min(line * 1e6 / 8, window / rtt) / reply,
        lambda line, window, rtt, reply: min(line * 1024**2 / 8, window / (rtt / 1e3)) / reply,
        lambda line, window, rtt, reply: max(line * 1e6 / 8, window / (rtt / 1e3)) / reply,
        lambda line, window, rtt, reply: (line * 1e6 / 8 + window / (rtt / 1e3)) / 2 / reply,
        lambda *given: None,
        lambda *given: float("nan"),
        lambda *given: "6.55",
        lambda line, window: line / window,
        lambda *given: 1 / 0,
    ],
)
def test_what_is_wrong_with_a_connection_is_said(function: Any, capsys: pytest.CaptureFixture[str]) -> None:
    exercises.check_connection(function)
    said = capsys.readouterr().out
    assert "Still wrong for" in said and "of 5 connections" in said and len(said) < 400


@pytest.mark.parametrize("value", [None, 5, "route"])
@pytest.mark.parametrize(
    "check", [exercises.check_connection, exercises.check_law, exercises.check_route, exercises.check_the_lie]
)
def test_what_is_no_function_is_said(check: Any, value: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(value) is None
    assert "is no function" in capsys.readouterr().out


def test_known_answers_of_a_window_and_a_round_trip(capsys: pytest.CaptureFixture[str]) -> None:
    exercises.check_connection(line_alone)
    assert "yours says 125/s; it is 6.5535/s" in capsys.readouterr().out, "5.2428 Mb/s in replies of 100 kB"
    exercises.check_connection(one_connection)
    assert "1.0 MB must be under way" in capsys.readouterr().out


def solved(points: Mapping[int, float]) -> tuple[float, float, float]:
    n = np.array(list(points), float)
    inverse, a, b = np.linalg.solve(
        np.column_stack([np.ones(3), n - 1, n * (n - 1)]), n / np.array(list(points.values()))
    )
    return 1 / inverse, a / inverse, b / inverse


def by_hand(points: Mapping[int, float]) -> list[float]:
    """Differences instead of a matrix: y = N/X is a parabola in N."""
    (n1, x1), (n2, x2), (n3, x3) = points.items()
    y1, y2, y3 = n1 / x1, n2 / x2, n3 / x3
    first, second = (y2 - y1) / (n2 - n1), (y3 - y2) / (n3 - n2)
    b = (second - first) / (n3 - n1)
    a = first - b * (n1 + n2 - 1)
    inverse = y1 - a * (n1 - 1) - b * n1 * (n1 - 1)
    return [1 / inverse, a / inverse, b / inverse]


@pytest.mark.parametrize(
    "function",
    [
        solved,
        by_hand,
        lambda points: np.array(solved(points)),
        lambda points: (each for each in solved(points)),
        lambda points: tuple(map(np.float64, solved(points))),
        lambda points: fit(list(points), list(points.values())),
    ],
)
def test_a_law_through_three_points_is_drawn_in_the_lab(function: Any, capsys: pytest.CaptureFixture[str]) -> None:
    lab = exercises.check_law(function)
    said = capsys.readouterr().out
    assert said.startswith("Right. Through 1, 36 and 216 users") and "peak at 9" in said
    assert lab is not None and lab.name == "scaling_law" and lab.prediction is None
    samples = {f"x{n}": np.full(8, float(exercises.TRIED[0][0].throughput(n))) for n in (1, 2, 4, 8, 16, 24, 32, 64)}
    run = Record("scaling_law", lab.check({}), 1, "", Frame(samples), 5.0, "complete")
    assert lab.table(run, None)[6][-1] == f"{samples['x24'][0]:.0f} (+0%)"
    assert "yours 569/s (0.0% off: predicted)" in lab.verdict_of(run, None).text


def unfinished(points: Mapping[int, float]) -> tuple[float, float, float]:
    return 1.0, 0.0, 0.0


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (unfinished, "Not done yet"),
        (lambda points: solved(points)[::-1], "The order is γ, α, β"),
        (lambda points: (solved(points)[1], solved(points)[0], solved(points)[2]), "The order is γ, α, β"),
        (lambda points: (points[min(points)], *solved(points)[1:]), "Not done yet"),
        (lambda points: (solved(points)[0], solved(points)[1], 0.0), "Not done yet"),
        (lambda points: (solved(points)[0], 0.0, solved(points)[2]), "Not done yet"),
        (lambda points: (100.0, 0.02, 0.005), "Not done yet"),
        (lambda points: [x / solved(points)[0] for x in solved(points)], "Not done yet"),
        (lambda points: solved(points)[:2], "It returned"),
        (lambda points: None, "It returned None: is there a `return`?"),
        (lambda points: 3.0, "It returned 3.0"),
        (lambda points: ("a", "b", "c"), "It returned"),
        (lambda points: (float("nan"),) * 3, "It returned"),
        (lambda points: (True, True, True), "It returned"),
        (lambda points: points[1, 4, 8], "KeyError"),
        (lambda points: 1 / 0, "ZeroDivisionError"),
        (lambda: (1, 2, 3), "TypeError"),
        (None, "None is no function"),
        ("law", "'law' is no function"),
    ],
)
def test_what_is_wrong_with_a_law_is_said(function: Any, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert exercises.check_law(function) is None
    told = capsys.readouterr().out
    assert said in told and len(told) < 400
    assert ("Not yet" in told) or ("Not done yet" in told)


def test_a_law_that_fails_on_measured_points_leaves_the_lab_usable() -> None:
    def moody(points: Mapping[int, float]) -> Any:
        if list(points) == [1, 8, 64] and points[8] < 400:
            raise ValueError("no")
        return solved(points)

    lab = exercises.check_law(moody)
    assert lab is not None
    samples = {f"x{n}": np.full(8, 10.0 * n) for n in (1, 2, 4, 8, 16, 24, 32, 64)}
    run = Record("scaling_law", lab.check({}), 1, "", Frame(samples), 5.0, "complete")
    assert "yours" not in lab.verdict_of(run, None).text and "yours" not in lab.table(run, None)[0]
    chart, _ = drawn(lab.charts[0])
    chart.show_run(run, [run])


def first_of_the_fewest(outstanding: Sequence[int], number: int, random: object) -> int:
    return outstanding.index(min(outstanding))


def numpys_fewest(outstanding: Sequence[int], number: int, random: object) -> Any:
    return np.argmin(outstanding)


@pytest.mark.long
@pytest.mark.parametrize("route", [least_outstanding, two_choices, first_of_the_fewest, numpys_fewest])
def test_counting_outstanding_requests_beats_chance_and_gets_a_lab(
    route: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    lab = exercises.check_route(route)
    assert "Right" in capsys.readouterr().out
    assert lab is not None


@pytest.mark.process
def test_the_lab_sends_where_the_learner_says(capsys: pytest.CaptureFixture[str]) -> None:
    lab = exercises.check_route(lambda outstanding, number, random: 1 + number % 3)
    capsys.readouterr()
    assert lab is not None
    assert lab.name == "more_machines" and lab.prediction is None
    assert lab.model(lab.check({})).rates.size, "the model is that of the chosen routing"
    record = lab.run(servers=4, kind="one 4 times as slow", rate=100)
    assert set(np.unique(record.column("server"))) == {1, 2, 3}


@pytest.mark.long
def test_the_headline_of_that_lab_does_not_call_the_route_by_another_name(capsys: pytest.CaptureFixture[str]) -> None:
    lab = exercises.check_route(round_robin)
    capsys.readouterr()
    assert lab is not None and lab.finding is not None and lab.scenario is None
    columns = {"latency_ns": np.full(190, 3e7), "arrived_s": np.arange(190) / 95, "completed_s": np.arange(190) / 95}
    frame = Frame(columns, {}, {"elapsed_s": 2.0, "alive": 4})
    run, pinned = (
        Record("more_machines", lab.check({"routing": name}), 1, "", frame) for name in ("random", "round robin")
    )
    assert lab.finding(run, pinned) == "4 servers served 95 of 95 requests/s, in 30 ms on average."


def blind(*servers: int) -> Any:
    """Deal in turn to these servers only."""
    return lambda outstanding, number, random: servers[number % len(servers)]


@pytest.mark.long
@pytest.mark.parametrize("route", [at_random, round_robin, blind(1, 2, 3), blind(2, 3), blind(0, 1, 2), blind(0, 1, 3)])
def test_a_route_that_does_not_count_meets_the_slow_server_wherever_it_is(
    route: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exercises.check_route(route) is not None
    said = capsys.readouterr().out
    assert "Not done yet" in said and "Right" not in said


@pytest.mark.parametrize(
    "route",
    [
        lambda outstanding: 0,
        lambda outstanding, number, random: 4,
        lambda outstanding, number, random: None,
        lambda outstanding, number, random: outstanding[number],
        lambda outstanding, number, random: True,
        lambda outstanding, number, random: 1.0,
        lambda outstanding, number, random: outstanding.smallest(),
        lambda outstanding, number, random: number // min(outstanding),
        lambda outstanding, number, random: [number] * 10_000,
    ],
)
def test_a_route_that_cannot_be_followed_is_told_how(route: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert exercises.check_route(route) is None
    said = capsys.readouterr().out
    assert "returns a server's number" in said and len(said) < 300


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "Not done yet"),
        ("magic", "is none of"),
        ("an index", "Not yet"),
        ("a cache", "Not yet"),
        ("a faster CPU", "Not yet"),
        ("more servers", "Not yet"),
        ("async", "cheapest way to let 40 wait"),
        ("more threads", "Right"),
    ],
)
def test_design(answer: str | None, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    exercises.check_design(answer)
    assert said in capsys.readouterr().out


def lie(cores, ghz, ipc, instructions, gb_per_s, copied, gbit_per_s, reply, iops, writes):  # type: ignore[no-untyped-def]
    return {
        "CPU": cores * ghz * ipc / instructions,
        "memory": gb_per_s * 1024**3 / copied,
        "network": gbit_per_s * 1024**3 / 8 / reply,
        "disk": iops / writes,
    }


def mended(*machine: float) -> dict[str, float]:
    return exercises.true_limits(machine)


def with_one(resource: str, change: Any) -> Any:
    return lambda *machine: {**mended(*machine), resource: change(mended(*machine)[resource])}


@pytest.mark.parametrize(
    ("function", "wrong"),
    [
        (lie, 9),
        (lambda *machine: {**lie(*machine), "CPU": mended(*machine)["CPU"]}, 6),
        (lambda *machine: {**mended(*machine), "CPU": lie(*machine)["CPU"]}, 3),
        (with_one("memory", lambda most: most * 1.024**3), 3),
        (with_one("network", lambda most: 8 * most), 3),
        (with_one("network", lambda most: most * 1.024**3), 3),
        (with_one("CPU", lambda most: 48_000.0), 2),
        (with_one("CPU", lambda most: most / 1_000), 3),
        (with_one("disk", str), 3),
        (lambda *machine: mended(*exercises.MACHINES["the machine above"]), 8),
        (lambda *machine: min(mended(*machine).values()), 12),
        (lambda *machine: {"cpu": 1}, 12),
        (lambda *machine: None, 12),
        (lambda *machine: dict.fromkeys(mended(*machine), float("nan")), 12),
        (lambda: {}, 12),
    ],
)
def test_wrong_units_are_found(function: Any, wrong: int, capsys: pytest.CaptureFixture[str]) -> None:
    exercises.check_the_lie(function)
    said = capsys.readouterr().out
    assert f"Still wrong for {wrong} of 12 limits. The first, " in said and len(said) < 400


def test_the_first_fault_is_named_with_its_number(capsys: pytest.CaptureFixture[str]) -> None:
    exercises.check_the_lie(lie)
    assert "the machine above, CPU: yours says 4.8e-05/s; it is 48000/s." in capsys.readouterr().out


@pytest.mark.parametrize(
    "function",
    [
        mended,
        lambda *machine: {name: np.float32(most) for name, most in mended(*machine).items()},
        lambda *machine: {name: int(most * 1e6) / 1e6 for name, most in reversed(mended(*machine).items())},
        lambda *machine: {**mended(*machine), "total": 0},
        lambda *machine: {name.lower(): Decimal(repr(most)) for name, most in mended(*machine).items()},
        lambda cores, ghz, ipc, instructions, gb, copied, gbit, reply, iops, writes: {
            "CPU": cores * ghz * 10**9 * ipc / instructions,
            "memory": gb * 1000**3 / copied,
            "network": gbit * 125e6 / reply,
            "disk": iops / writes,
        },
    ],
)
def test_right_units_are_right(function: Any, capsys: pytest.CaptureFixture[str]) -> None:
    exercises.check_the_lie(function)
    assert capsys.readouterr().out.startswith("Right: 48,000/s by the CPU")


def test_the_limits_of_the_first_machine_are_those_that_are_told() -> None:
    limits = exercises.true_limits(exercises.MACHINES["the machine above"])
    assert limits == {"CPU": 48_000, "memory": 25_000, "network": 12_500, "disk": 5_000}


NOTEBOOK = Path(__file__).parents[3] / "notebooks" / "05-raising-throughput.ipynb"
CELLS = {cell["id"]: "".join(cell["source"]) for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]}


def solution(cell: str) -> str:
    """The folded solution of a cell."""
    found = re.search(r"```python\n(.*?)```", CELLS[cell], re.S)
    assert found is not None
    return found.group(1)


def with_lines(starter: str, lines: str) -> str:
    """A starter with the lines of a solution in place of those that begin in the same way."""
    changed = {line[:11]: line for line in lines.splitlines()}
    return "\n".join(changed.get(line[:11], line) for line in starter.splitlines())


@pytest.mark.parametrize(
    ("starter", "code", "check"),
    [
        ("cbb662a0", with_lines(CELLS["cbb662a0"], solution("d717ee47")), "174096cd"),
        ("c5d1a7e2", solution("7ab2d918"), "e94b03f6"),
        ("5780fe64", solution("0f1e6e7b"), "1d77d891"),
        ("9e1302d5", with_lines(CELLS["9e1302d5"], solution("a6133133")), "80fe18bd"),
    ],
)
def test_the_starters_are_open_and_the_folded_solutions_right(
    starter: str, code: str, check: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for filled, said in ((CELLS[starter], "Not done yet"), (code, "Right")):
        names: dict[str, Any] = {"exercises": exercises}
        exec(filled, names)
        exec(CELLS[check], names)
        assert capsys.readouterr().out.startswith(said)
