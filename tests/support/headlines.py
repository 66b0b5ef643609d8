"""Headlines at the ends of a lab's controls: each is one sentence that fits into its line."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from perflab.lab import Lab, Record

FINDING_LETTERS, SCENARIO_LETTERS = 120, 170
FEW = 4
"""Of so many values each is tried, of more the first and the last."""


def check_headlines_fit(lab: Lab, record: Callable[..., Record]) -> None:
    """`record(**parameters)` makes a record; each end of a control alone, and beside the others of this control."""
    assert lab.finding is not None and lab.scenario is not None
    for base, (name, control) in itertools.product(([], [0], [-1]), lab.controls.items()):
        start = {each: other.values[place] for place in base for each, other in lab.controls.items()}
        values = control.values if len(control.values) <= FEW else (control.values[0], control.values[-1])
        runs = [record(**{**start, name: value}) for value in values]
        said: list[Any] = [lab.finding(run, None) for run in runs]
        said += [lab.finding(*pair) for pair in itertools.permutations(runs, 2)]
        for text in said:
            assert text and text.endswith(".") and len(text) <= FINDING_LETTERS, text
        for run in runs:
            done = lab.scenario(lab.check(run.parameters))
            assert done.endswith(".") and len(done) <= SCENARIO_LETTERS, done
