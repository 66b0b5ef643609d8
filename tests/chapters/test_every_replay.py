"""Every lab that puts load on something has a replay of its own recorded moments, or says here why not."""

from __future__ import annotations

import importlib

import pytest
from labs import find_labs

from perflab.lab import Lab
from perflab.lab.record import Record

LOADS = ("perflab.systems.clients.", "perflab.systems.servers.", "perflab.measure.load")
IN_TURNS = "short loads with several settings in turns, of whose requests only the times are kept"
ONE_BY_ONE = "one request after another: none waits for another"
IN_DATABASE = "where a transaction waits inside of a database, nobody tells"
OTHERS = "real servers do not tell when they begin with a request"
WITHOUT_A_REPLAY = {
    "caching_strategies.kill": "what is counted are writes that a crash has lost, and none waits for another",
    "caching_strategies.stale_reads": "what is counted are reads that were stale, and none is kept by itself",
    "caching_strategies.strategies": ONE_BY_ONE,
    "caching_strategies.which_cache": ONE_BY_ONE,
    "databases.connections": IN_DATABASE,
    "databases.lost_updates": IN_DATABASE,
    "databases.profiles": ONE_BY_ONE,
    "databases.rows_or_columns": ONE_BY_ONE,
    "raising_throughput.async_calls": "calls that only wait, each on its own: there is no line",
    "raising_throughput.which_strategy": "56 short bursts, each strategy with other workers: two servers have twice as many",
    "trade_off.advice": IN_TURNS,
    "trade_off.batching": IN_TURNS,
    "trade_off.cheapest": IN_TURNS,
    "trade_off.compression": ONE_BY_ONE,
    "trade_off.levers": IN_TURNS,
    "trade_off.switchboard": IN_TURNS,
    "web_servers.heavy_request": OTHERS,
    "web_servers.idle_connections": "its connections are idle: only one request is under way",
    "web_servers.waiting_connections": OTHERS,
    "where_latency_comes_from.make_it_fast": ONE_BY_ONE,
}
"""Labs that put load on something and have no replay, because it would show nothing, or the record cannot know: in a sentence."""


def puts_load(lab: Lab) -> bool:
    """Whether the module of the lab's experiment, or one of its chapter that it uses, has a client, a server or a load."""
    module = importlib.import_module(lab.experiment.__module__)
    chapter = f"{module.__name__.rpartition('.')[0]}."
    modules = [module, *(importlib.import_module(name) for name in used_by(module) if name.startswith(chapter))]
    return any(name.startswith(LOADS) for each in modules for name in used_by(each))


def used_by(module: object) -> set[str]:
    """Names of the modules that a module has imported, or imported something from."""
    return {str(getattr(value, "__module__", getattr(value, "__name__", ""))) for value in vars(module).values()}


LABS = {name: lab() for name, lab in find_labs().items()}
LOADED = sorted(name for name, lab in LABS.items() if puts_load(lab))


def test_there_are_labs_that_put_load_on_something() -> None:
    assert len(LOADED) >= 30
    assert {"measuring_latency.coordinated_omission", "caching_strategies.hit_ratio"} <= set(LOADED)


@pytest.mark.parametrize("name", sorted({*LOADED, *WITHOUT_A_REPLAY}))
def test_each_of_them_has_a_replay_or_says_why_not(name: str) -> None:
    assert name in LOADED, "a reason that is not needed"
    assert (LABS[name].moments is None) == (name in WITHOUT_A_REPLAY)


@pytest.mark.parametrize("name", sorted(name for name, lab in LABS.items() if lab.moments is not None))
def test_a_run_that_measured_nothing_has_nothing_to_replay(name: str) -> None:
    lab = LABS[name]
    assert lab.moments is not None and lab.moments(Record(name, lab.check({}), 1, "")) is None
