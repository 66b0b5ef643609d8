"""Checks of a rule of early expiry, and of a cache whose keys lie."""

from __future__ import annotations

import json
import math
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from stampede_records import CONSTANTS

from perflab.chapters.eviction_and_stampedes import stampede_exercises as exercises
from perflab.chapters.eviction_and_stampedes.stampede_model import NONE, XFETCH, YOURS, YOURS_SINGLE


def early_told(rule: Any, capsys: pytest.CaptureFixture[str]) -> tuple[Any, str]:
    return exercises.check_early(rule), capsys.readouterr().out


@pytest.mark.parametrize("beta", [1.0, 2.0])
def test_xfetch_is_right_and_runs_in_the_lab(beta: float, capsys: pytest.CaptureFixture[str]) -> None:
    lab, said = early_told(lambda left_s, took_s, drawn: -beta * took_s * math.log(drawn) >= left_s, capsys)
    assert said.startswith("Right: few compute")
    assert lab.controls["cure"].values == (YOURS, YOURS_SINGLE, XFETCH, NONE) and lab.first["cure"] == YOURS
    for cure in lab.controls["cure"].values:
        assert lab.model(lab.check({"cure": cure}), CONSTANTS).waiting.size
    assert lab.model(lab.check({"cure": YOURS_SINGLE}), CONSTANTS).per_expiry == 1


def test_another_rule_at_random_is_right_too(capsys: pytest.CaptureFixture[str]) -> None:
    _, said = early_told(lambda left_s, took_s, drawn: left_s < 8 * took_s and drawn < 0.05, capsys)
    assert said.startswith("Right")


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (lambda left_s, took_s, drawn: False, "Is there time enough for a computation?"),
        (lambda left_s, took_s, drawn: left_s < 3 * took_s, "what would make only some of them compute?"),
        (lambda left_s, took_s, drawn: drawn < 0.05, "of its life: that is too early"),
        (lambda left_s, took_s, drawn: 1 // 0, "ZeroDivisionError"),
        (lambda left_s: True, "TypeError"),
        (lambda left_s, took_s, drawn: None, "must return True or False; it returned None"),
        (None, "None is no function"),
    ],
)
def test_wrong_rules_are_told_why(rule: Any, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert said in early_told(rule, capsys)[1]


Ask = Callable[[], Any]


def right(store: Any, params: Any, ask: Ask, now_s: float, ttl_s: float, most: int) -> Any:
    key = tuple(sorted(params.items(), key=lambda item: item[0]))
    if key in store and now_s - store[key][0] < ttl_s:
        return store[key][1]
    store.pop(key, None)
    if len(store) >= most:
        store.pop(next(iter(store)))
    store[key] = now_s, ask()
    return store[key][1]


def by(key_of: Callable[[Any], Any]) -> Any:
    def cached(store: Any, params: Any, ask: Ask, now_s: float, ttl_s: float, most: int) -> Any:
        return right(store, {"key": key_of(params)}, ask, now_s, ttl_s, most)

    return cached


def keeps_all(store: Any, params: Any, ask: Ask, now_s: float, ttl_s: float, most: int) -> Any:
    return right(store, params, ask, now_s, ttl_s, 10**6)


def never_forgets(store: Any, params: Any, ask: Ask, now_s: float, ttl_s: float, most: int) -> Any:
    return right(store, params, ask, now_s, math.inf, most)


def the_seed(store: Any, params: Any, ask: Ask, now_s: float, ttl_s: float, most: int) -> Any:
    key = hash(str(params))
    if key not in store:
        store[key] = ask()
    return store[key]


def lie_told(cached: Any, capsys: pytest.CaptureFixture[str]) -> str:
    exercises.check_the_lie(cached)
    return capsys.readouterr().out


USUAL = [
    right,
    by(lambda params: frozenset(params.items())),
    by(lambda params: tuple(sorted(params.items()))),
    by(lambda params: json.dumps(params, sort_keys=True)),
    by(lambda params: json.dumps(params, sort_keys=True, default=str).encode()),
    by(lambda params: pickle.dumps(sorted(params.items()))),
]


@pytest.mark.parametrize("cached", USUAL)
def test_a_mended_cache_is_right(cached: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert lie_told(cached, capsys).startswith("Right: each request has a key of its own")


@pytest.mark.parametrize(
    ("cached", "said"),
    [
        (the_seed, "Parameters in another order: at 1 s {'page': 2, 'id': 1} should be found"),
        (by(lambda params: str(sorted(params.items()))), "Two values that read alike"),
        (
            by(lambda params: "&".join(f"{name}={params[name]!r}" for name in sorted(params))),
            "Two values that read alike",
        ),
        (by(lambda params: hash(frozenset(params.items()))), "Two keys with the same hash"),
        (by(lambda params: frozenset((name, str(value)) for name, value in params.items())), "A number and a text"),
        (never_forgets, "An answer that is too old: at 11 s {'id': 1} should be asked for"),
        (keeps_all, "A year of requests: at 20 s the store holds 21 answers; 20 is the most"),
        (lambda *given: given[2](), "The same request again: at 1 s {'id': 1} should be found, and was asked for"),
        (lambda *given: 1 // 0, "ZeroDivisionError"),
        ("none", "is no function"),
    ],
)
def test_each_lie_is_found(cached: Any, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert said in lie_told(cached, capsys)
