"""Exercises with one right answer of several: what is wrong with each of the others is said."""

from __future__ import annotations

from collections.abc import Mapping

OPEN = "Not done yet. "
RIGHT = "Right"


def judge(answer: str | None, told: Mapping[str, str]) -> None:
    """Print what is `told` of the answer; of the right one it begins with "Right"."""
    if answer is None:
        print(f"{OPEN}Write one of: {', '.join(told)}.")
    elif answer not in told:
        print(f"{answer!r} is none of: {', '.join(told)}.")
    else:
        print(told[answer] if told[answer].startswith(RIGHT) else f"Not yet: {told[answer]}")
