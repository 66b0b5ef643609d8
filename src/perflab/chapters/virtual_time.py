"""Functions of the learner's on a virtual clock: whatever they read of the module `time`, they read it here."""

from __future__ import annotations

import threading
import time
import timeit
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from types import CellType, FunctionType
from typing import Any

from perflab.measure.clock import Clock, VirtualClock

STEADY, WALL, CPU = "steady clock", "wall clock", "CPU time"
KINDS = {"perf_counter": STEADY, "monotonic": STEADY, "time": WALL, "process_time": CPU, "thread_time": CPU}
NUMBERED = {"CLOCK_REALTIME": WALL, "CLOCK_PROCESS_CPUTIME_ID": CPU, "CLOCK_THREAD_CPUTIME_ID": CPU}
WALL_STEP_NS = 15_625_000
SET_BACK_EVERY_NS, SET_BACK_NS = 3_000_000_000, 1_000_000_000


class VirtualTime:
    """A machine's clocks. The wall clock moves in steps of 16 ms and is set back a second in every three; CPU time goes on at
    half the pace, as if each call waited half of its time. `readings` are the kinds of those that were read, and when (ns).
    """

    def __init__(self, reading_ns: int = 0) -> None:
        self.clock = VirtualClock(reading_ns=reading_ns)
        self.readings: list[tuple[str, int]] = []

    def read_ns(self, kind: str) -> int:
        """A reading of that kind of clock."""
        now = self.clock.now_ns()
        self.readings.append((kind, now))
        if kind == WALL:
            return (now - now // SET_BACK_EVERY_NS * SET_BACK_NS) // WALL_STEP_NS * WALL_STEP_NS
        return now // 2 if kind == CPU else now

    def was_read(self, kind: str) -> bool:
        """Whether a clock of that kind was read."""
        return any(read == kind for read, _ in self.readings)

    @contextmanager
    def seen_by(self, *functions: Any) -> Iterator[None]:
        """In the block the clocks that this thread reads are virtual: in the module `time`, and by the names in `functions`."""
        replaced = {id(real): _in_this_thread(real, read) for real, read in self._substitutes()}
        with ExitStack() as stack:
            found = _functions(functions)
            spaces = [vars(time), vars(timeit), *(function.__globals__ for function in found)]
            for namespace in {id(space): space for space in spaces}.values():
                # One name after another: other threads use these namespaces meanwhile.
                for name, value in [*namespace.items()]:
                    if id(value) in replaced:
                        stack.callback(namespace.__setitem__, name, value)
                        namespace[name] = replaced[id(value)]
            for cell in _cells(found):
                if id(cell.cell_contents) in replaced:
                    stack.callback(setattr, cell, "cell_contents", cell.cell_contents)
                    cell.cell_contents = replaced[id(cell.cell_contents)]
            timers: tuple[Any, ...] = (timeit.Timer.__init__, timeit.timeit, timeit.repeat)
            for function in (*timers, *found):
                # A clock may be handed over as the default of an argument.
                stack.callback(setattr, function, "__defaults__", function.__defaults__)
                stack.callback(setattr, function, "__kwdefaults__", function.__kwdefaults__)
                usual, named = function.__defaults__, function.__kwdefaults__
                function.__defaults__ = usual and tuple(replaced.get(id(value), value) for value in usual)
                function.__kwdefaults__ = named and {name: replaced.get(id(v), v) for name, v in named.items()}
            stack.callback(setattr, Clock, "now_ns", staticmethod(Clock.now_ns))
            Clock.now_ns = staticmethod(replaced.get(id(Clock.now_ns), Clock.now_ns))  # type: ignore[method-assign]
            yield

    def _substitutes(self) -> Iterator[tuple[Any, Callable[..., Any]]]:
        numbers = {getattr(time, name): kind for name, kind in NUMBERED.items() if hasattr(time, name)}
        for name, kind in KINDS.items():
            yield getattr(time, name), lambda kind=kind: self.read_ns(kind) / 1e9
            yield getattr(time, f"{name}_ns"), lambda kind=kind: self.read_ns(kind)
        if hasattr(time, "clock_gettime"):
            yield time.clock_gettime, lambda number: self.read_ns(numbers.get(number, STEADY)) / 1e9
            yield time.clock_gettime_ns, lambda number: self.read_ns(numbers.get(number, STEADY))
        yield time.sleep, self.clock.sleep


def _in_this_thread(real: Callable[..., Any], virtual: Callable[..., Any]) -> Callable[..., Any]:
    mine = threading.get_ident()
    return lambda *given: virtual(*given) if threading.get_ident() == mine else real(*given)


def _functions(values: Iterable[Any]) -> list[FunctionType]:
    """The functions of Python behind these: those of classes, objects, methods and `partial`s, and those that are closed over."""
    left, found = list(values), {}
    while left:
        value = left.pop()
        value = getattr(value, "func", value)
        value = getattr(value, "__func__", value)
        if not isinstance(value, FunctionType):
            owner = value if isinstance(value, type) else type(value)
            left += [each for each in vars(owner).values() if isinstance(each, FunctionType)]
        elif id(value) not in found:
            found[id(value)] = value
            left += [cell.cell_contents for cell in _cells([value]) if callable(cell.cell_contents)]
    return list(found.values())


def _cells(functions: Iterable[FunctionType]) -> list[CellType]:
    return [cell for function in functions for cell in function.__closure__ or () if _is_full(cell)]


def _is_full(cell: CellType) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False
