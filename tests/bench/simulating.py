"""How many customers per second does our simulator serve, beside SimPy and Ciw, on the same queues in the same run?"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from statistics import median

import ciw
import numpy as np
import simpy

from perflab.theory.queues import mmc
from perflab.theory.simulate import simulate

UTILISATION = 0.8
ROUNDS = 5
OURS, THEIRS = 1_000_000, 20_000
OTHERS = ("SimPy", "Ciw")


def rows() -> Iterator[tuple[str, str, str]]:
    """M/M/1 and M/M/4 at ρ = 0.8: ratios of speeds (medians of interleaved rounds), and mean responses against theory."""
    for servers in (1, 4):
        speeds: dict[str, list[float]] = {name: [] for name in ("ours", *OTHERS)}
        means: dict[str, list[float]] = {name: [] for name in speeds}
        for seed in range(ROUNDS):
            for name, customers, run in (("ours", OURS, ours), ("SimPy", THEIRS, by_simpy), ("Ciw", THEIRS, by_ciw)):
                started = time.perf_counter()
                means[name].append(run(servers, customers, seed))
                speeds[name].append(customers / (time.perf_counter() - started))
        exact = mmc(UTILISATION * servers, 1.0, servers).response
        for name in OTHERS:
            faster = median(speeds["ours"]) / median(speeds[name])
            measured = f"{faster:.0f}× ({median(speeds['ours']):,.0f} against {median(speeds[name]):,.0f} per second)"
            yield f"customers per second of M/M/{servers}, ours ÷ {name}", "≥ 50×", measured
        told = ", ".join(f"{name} {_band(means[name])}" for name in means)
        yield f"mean response of M/M/{servers}, exact {exact:.3f}", "within the bands of the runs", told


def ours(servers: int, customers: int, seed: int) -> float:
    """Drawing the customers is part of the time, as it is for the others."""
    generator = np.random.default_rng(seed)
    arrivals = np.cumsum(generator.exponential(1 / (UTILISATION * servers), customers))
    return float(simulate(arrivals, generator.exponential(1.0, customers), servers).responses.mean())


def by_simpy(servers: int, customers: int, seed: int) -> float:
    """The usual way to write this queue in SimPy."""
    draw = random.Random(seed)
    world = simpy.Environment()
    desk = simpy.Resource(world, servers)
    responses = []

    def customer() -> Iterator[simpy.Event]:
        came = world.now
        with desk.request() as turn:
            yield turn
            yield world.timeout(draw.expovariate(1.0))
        responses.append(world.now - came)

    def arrive() -> Iterator[simpy.Event]:
        for _ in range(customers):
            yield world.timeout(draw.expovariate(UTILISATION * servers))
            world.process(customer())

    world.process(arrive())
    world.run()
    return sum(responses) / len(responses)


def by_ciw(servers: int, customers: int, seed: int) -> float:
    """The usual way to write this queue in Ciw."""
    ciw.seed(seed)
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(UTILISATION * servers)],
        service_distributions=[ciw.dists.Exponential(1.0)],
        number_of_servers=[servers],
    )
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_customers(customers, method="Finish")
    records = simulation.get_all_records()
    return sum(record.waiting_time + record.service_time for record in records) / len(records)


def _band(means: list[float]) -> str:
    return f"{np.mean(means):.3f} [{min(means):.3f}–{max(means):.3f}]"
