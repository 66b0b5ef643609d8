"""Checks of the exercises of notebook 05. A check says what is wrong; an open exercise says what to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from operator import index
from reprlib import repr as in_short
from typing import Any

import numpy as np

from perflab.chapters.judging import OPEN, RIGHT, Case, attempt, is_function, judge, judge_cases, numbers_of
from perflab.chapters.raising_throughput import more_machines, scaling_law
from perflab.chapters.raising_throughput.more_machines_model import SERVICE_S, finding
from perflab.chapters.raising_throughput.scaling_law_model import PUBLISHED
from perflab.lab import Lab, Record
from perflab.measure.guards import BadInput
from perflab.measure.schedule import poisson, services
from perflab.measure.units import count, duration, percent
from perflab.systems.clients.routing import Route, least_outstanding
from perflab.theory.balancing import simulate_routed
from perflab.theory.scaling import ScalabilityLaw

CONNECTIONS = (
    ("100 Mb/s, a window of 65,535 bytes, 100 ms", (100, 65_535, 100, 100_000)),
    ("100 Mb/s, a window of 65,535 bytes, 1 ms", (100, 65_535, 1, 100_000)),
    ("100 Mb/s, a window of 1 MB, 80 ms", (100, 1_000_000, 80, 10_000)),
    ("1,000 Mb/s, a window of 1 MB, 20 ms", (1_000, 1_000_000, 20, 25_000)),
    ("10 Mb/s, a window of 4 MB, 5 ms", (10, 4_000_000, 5, 2_000)),
)
"""What is said of a connection; Mb/s of the line, bytes of the window, ms of a round trip, bytes of a reply."""
EXACT = 0.005
"""Share by which a number may be off that has one right value."""


def check_connection(replies_per_s: Callable[[float, float, float, float], float]) -> None:
    """Modify: the throughput of one connection, which its line limits, or its window and the round trip."""
    if not is_function(replies_per_s, "Hand over `replies_per_s` itself, without parentheses."):
        return
    cases = []
    for said, (line_mbit, window, rtt_ms, reply) in CONNECTIONS:
        expected = min(line_mbit * 1e6 / 8, 1e3 * window / rtt_ms) / reply
        ask = partial(lambda *given: replies_per_s(*given), line_mbit, window, rtt_ms, reply)
        cases.append(Case(f"{said}, replies of {count(reply)} bytes:", ask, expected, EXACT * expected))
    right = "min(C, window/RTT). To fill 100 Mb/s over 80 ms, 100e6/8 · 0.08 s = 1.0 MB must be under way at once."
    judge_cases(cases, right, "connections", "/s")


LawThrough = Callable[[Mapping[int, float]], Any]
HOW = "`law_through` gets a dictionary (workers: throughput) with three points, and returns three numbers: γ, α, β."
TRIED = (
    (ScalabilityLaw(0.02, 0.005, 100.0), (1, 4, 8)),
    (ScalabilityLaw(0.2, 0.0, 250.0), (1, 8, 64)),
    (ScalabilityLaw(0.0, 0.0, 40.0), (2, 3, 5)),
    (ScalabilityLaw(0.05, 0.0002, 7_000.0), (16, 2, 48)),
)
"""Laws that a function must find again, and the numbers of workers where it sees them."""
ELSEWHERE = np.array([1.0, 6.0, 30.0, 100.0])


def check_law(law_through: LawThrough) -> Lab | None:
    """Make: the universal scalability law through three points. Returns the lab with this law drawn and judged in it."""
    if not is_function(law_through, HOW):
        return None
    for law, seen in TRIED:
        points = {number: float(law.throughput(number)) for number in seen}
        if (found := attempt(partial(_as_law, law_through, points), HOW)) is None:
            return None
        if not np.allclose(found.throughput(ELSEWHERE), law.throughput(ELSEWHERE), rtol=EXACT):
            shown = ", ".join(f"{number}: {rate:.5g}" for number, rate in points.items())
            print(f"{OPEN}Through {{{shown}}} goes γ = {law.gamma:g}, α = {law.alpha:g}, β = {law.beta:g}.")
            print(f"Yours has γ = {found.gamma:g}, α = {found.alpha:g}, β = {found.beta:g}. {_swapped(found, law)}")
            return None
    published = _as_law(law_through, {users: PUBLISHED[users] for users in (1, 36, 216)})
    off = abs(float(published.throughput(72)) / PUBLISHED[72] - 1)
    print(
        f"{RIGHT}. Through 1, 36 and 216 users of the published benchmark it has its peak at {published.peak:.0f} users,"
    )
    print(f"and is {percent(off)} off at 72: a point left out is the test. Below, it goes through 1, 8 and 64 workers.")
    return replace(scaling_law.lab(partial(_or_none, law_through)), prediction=None)


def _as_law(law_through: LawThrough, points: Mapping[int, float]) -> ScalabilityLaw:
    returned = law_through(dict(points))
    if hasattr(returned, "alpha"):
        returned = returned.gamma, returned.alpha, returned.beta
    numbers = numbers_of(returned, 3)
    if len(numbers) != 3 or not np.all(np.isfinite(numbers)):
        raise BadInput(f"It returned {in_short(returned)}.")
    gamma, alpha, beta = numbers
    return ScalabilityLaw(alpha, beta, gamma)


def _or_none(law_through: LawThrough, points: Mapping[int, float]) -> ScalabilityLaw | None:
    """None where measured points are more than the function can take: a chart is no place for a traceback."""
    try:
        return _as_law(law_through, points)
    except Exception:  # whatever a function of the learner's raises
        return None


def _swapped(found: ScalabilityLaw, law: ScalabilityLaw) -> str:
    same = np.allclose(sorted((found.gamma, found.alpha, found.beta)), sorted((law.gamma, law.alpha, law.beta)))
    return "The order is γ, α, β." if same else "N/X = (1 + α(N − 1) + βN(N − 1))/γ holds at each of the three points."


SERVERS, SLOWNESS = 4, 4.0
RATE, SECONDS = 100, 40.0
GOOD_ENOUGH = 3.0
"""Mean response, in times that of least outstanding requests."""


def check_route(route: Route) -> Lab | None:
    """Make: with one slow server of four, whichever it is, be nearly as quick as possible. Returns the lab with this routing."""
    how = "`route` gets outstanding, number and random, and returns a server's number, 0 to 3."
    if not is_function(route, how):
        return None
    found = attempt(lambda: [mean_response_ns(route, slow) for slow in range(SERVERS)], how)
    if found is None:
        return None
    best = [mean_response_ns(least_outstanding, slow) for slow in range(SERVERS)]
    worst = max(range(SERVERS), key=lambda slow: found[slow] / best[slow])
    told = f"simulated mean response {duration(found[worst])} when server {worst} is the slow one"
    if found[worst] > GOOD_ENOUGH * best[worst]:
        print(f"{OPEN}It could be {duration(best[worst])}; yours: {told}.")
        print("You are not told which server is slow; but the slow one has the most outstanding requests.")
    else:
        print(f"Right, whichever is slow: {told}, which is the worst. Now the lab sends real requests to real servers.")
    question = "Does your routing do better than the usual ones? (Measured: yours. The model: the one chosen.)"
    usual = more_machines.lab()
    # The routing that is chosen, which the headline would name, is that of the model.
    return replace(
        usual, question=question, policy={"route": route}, prediction=None, finding=_found_alone, scenario=None
    )


def _found_alone(record: Record, pinned: Record | None) -> str | None:
    return finding(record, None)


def mean_response_ns(route: Route, slow: int) -> float:
    """Simulated mean response: 100 requests/s of 20 ms to four servers, of which number `slow` is four times as slow."""

    def checked(outstanding: Sequence[int], number: int, random: Any) -> int:
        chosen = route(outstanding, number, random)
        try:
            server = index(chosen)  # numpy's integers are integers too
        except TypeError:
            server = -1
        if isinstance(chosen, bool) or not 0 <= server < SERVERS:
            raise BadInput(f"It returned {in_short(chosen)}.")
        return server

    arrivals = poisson(RATE, SECONDS, 1) / 1e9
    takes = services(SERVICE_S, arrivals.size, 1)
    slowness = [SLOWNESS if server == slow else 1.0 for server in range(SERVERS)]
    done = simulate_routed(arrivals, takes, slowness, checked)
    return 1e9 * float((done.departures - arrivals).mean())


DESIGNS = {
    "an index": "The database needs 2 ms of 202. Even if it needed none, hardly anything would change.",
    "a cache": "Each answer is for one user and one moment: hardly any page is requested twice.",
    "a faster CPU": "The CPU is busy for 3 ms of 202, and idle for the rest.",
    "more threads": "Right: 200/s · 0.202 s = 40 requests are inside at a time, so 64 threads are enough; one that waits "
    "costs some memory. The next limit is the CPU, at about 300/s. (First ask whether the partner's API can take that.)",
    "async": "That is enough too, and goes further: 10,000 requests that wait need no 10,000 threads. But all code that waits "
    "has to be rewritten. Here 40 wait at a time: what is the cheapest way to let 40 wait?",
    "more servers": "Three machines that wait instead of one would be enough. What do their threads do all day?",
}


def check_design(answer: str | None) -> None:
    """Judge: what raises the throughput of 16 threads that wait for a partner."""
    judge(answer, DESIGNS)


Limits = Callable[..., Mapping[str, float]]
MACHINES: dict[str, tuple[float, ...]] = {
    "the machine above": (8, 3, 2, 1_000_000, 25, 1_000_000, 10, 100_000, 10_000, 2),
    "a small one": (2, 2.5, 1, 400_000, 10, 50_000, 1, 20_000, 500, 1),
    "a large one": (64, 2.2, 1.5, 30_000_000, 200, 5_000_000, 100, 2_000_000, 1_000_000, 40),
}
"""Cores, GHz, instructions per cycle and per request; GB/s and bytes; Gb/s and bytes; operations per second and per request."""


def true_limits(machine: Sequence[float]) -> dict[str, float]:
    """Requests per second that each resource of a data sheet allows: its units are decimal."""
    cores, ghz, ipc, instructions, gb_per_s, copied, gbit_per_s, reply, iops, writes = machine
    return {
        "CPU": cores * ghz * 1e9 * ipc / instructions,
        "memory": gb_per_s * 1e9 / copied,
        "network": gbit_per_s * 1e9 / 8 / reply,
        "disk": iops / writes,
    }


def check_the_lie(limits: Limits) -> None:
    """Spot the lie: GHz that are no billions, and units of data sheets that are no powers of two."""
    if not is_function(limits, "Hand over `limits` itself, without parentheses."):
        return

    def said(machine: Sequence[float], resource: str) -> float:
        return {name.lower(): most for name, most in dict(limits(*machine)).items()}[resource.lower()]

    cases = [
        Case(f"{name}, {resource}:", partial(said, machine, resource), most, EXACT * most)
        for name, machine in MACHINES.items()
        for resource, most in true_limits(machine).items()
    ]
    right = "48,000/s by the CPU, and 5,000/s by the disk, which is the bottleneck. An upper bound, not a target."
    judge_cases(cases, right, "limits", "/s")
