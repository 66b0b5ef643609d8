"""Notebook 02 holds what its checks say: the code as given is not right, the folded solutions are; prose agrees with the labs."""

from __future__ import annotations

import json
import re
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perflab.chapters.measuring_latency import exercises, lies, percentile_methods, percentiles
from perflab.lab import Lab
from perflab.lab.record import Record
from perflab.measure.frame import Frame
from perflab.measure.percentiles import nearest_rank, rank_interval, samples_needed

NOTEBOOK = Path(__file__).parents[3] / "notebooks" / "02-measuring-latency.ipynb"
CELLS = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
GIVEN = ["".join(cell["source"]) for cell in CELLS if cell["cell_type"] == "code"]
PROSE = "\n".join("".join(cell["source"]) for cell in CELLS if cell["cell_type"] == "markdown")
SOLUTIONS = re.findall(r"(?ms)<summary>A solution</summary>.*?^```python\n(.*?)^```", PROSE)


def code_with(part: str, among: list[str]) -> str:
    (found,) = [code for code in among if part in code]
    return found


def run(code: str, name: str) -> Any:
    namespace: dict[str, Any] = {"time": time}
    exec(code, namespace)
    return namespace[name]


def solved_recorder() -> str:
    given, solution = code_with("class LatencyRecorder", GIVEN), code_with("def start(", SOLUTIONS)
    return given[: given.index("    def start(")] + solution


CHECKED: dict[str, tuple[Callable[[Any], Any], str, str]] = {
    "percentile": (
        exercises.check_percentile,
        code_with("def percentile(", GIVEN),
        code_with("def percentile(", SOLUTIONS),
    ),
    "client": (exercises.check_client, code_with("def client(", GIVEN), code_with("def client(", SOLUTIONS)),
    "p99_s": (lies.check_the_lie, code_with("def p99_s(", GIVEN), code_with("def p99_s(", SOLUTIONS)),
    "LatencyRecorder": (lies.check_the_recorder, code_with("class LatencyRecorder", GIVEN), solved_recorder()),
}


@pytest.mark.parametrize("name", CHECKED)
def test_what_is_given_is_not_right_and_the_solution_is(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = {"open_ns": np.full(160, 5e7), "yours_ns": np.full(160, 5e7)}
    monkeypatch.setattr(Lab, "run", lambda _: Record("own_client", {}, 1, "", Frame(columns)))
    check, given, solution = CHECKED[name]
    check(run(given, name))
    assert capsys.readouterr().out.startswith(("Not done yet.", "Not yet:"))
    check(run(textwrap.dedent(solution), name))
    assert capsys.readouterr().out.startswith("Right")


def test_the_solution_of_the_first_lie_changes_clock_and_samples_only() -> None:
    _, given, solution = CHECKED["p99_s"]
    mended = (
        given.replace("time.time", "time.perf_counter").replace("range(100)", "range(10_000)").replace("98", "9_899")
    )
    assert mended.replace("import time\n\n\n", "").strip() == solution.strip()


def test_numbers_of_the_prose() -> None:
    assert "between the 983rd and the 997th" in PROSE and rank_interval(1_000, 0.99) == (983, 997)
    assert "from 368 samples on" in PROSE and samples_needed(0.99) == 368
    assert "13% of such runs contain no call" in PROSE and round(0.99**200, 2) == 0.13
    assert "Of 2,000 calls, the p99 is number 1,980" in PROSE and nearest_rank(2_000, 0.99) == 1_980
    exact = [each / 1e6 for each in percentile_methods.predict(100, 1).values()]
    assert "1.0, 1.99, 50.5, 66.7 and 99.0 ms" in PROSE and np.round(exact, 1).tolist() == [1.0, 2.0, 50.5, 66.7, 99.0]
    assert len(set(percentile_methods.predict(100, 2).values())) == 1
    linear = [each / 1e6 for name, each in percentile_methods.predict(101, 1).items() if "NumPy" in name]
    assert "1 ms instead of 2 ms" in PROSE and linear == pytest.approx([1.0])
    model = percentiles.predict(2, 50, 2_000, {"fast_ns": 1.0, "fast_sigma": 0.02, "row_ns": 1.0, "slow_sigma": 0.02})
    found = percentiles.expected_intervals(model)
    deviation = (found[percentiles.SPREAD].value - found["mean"].value) / 2
    assert "about seven medians" in PROSE and deviation == pytest.approx(7, abs=0.2)
    assert found["mean"].value - 2 * deviation < 0
