"""Controls as plain descriptions: what may be chosen, how it reads, and what is refused. The widgets are made in `view`."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from perflab.measure.guards import BadInput, check_number
from perflab.measure.units import count

ROUND_STEPS = (1, 2, 5)
PLURAL = re.compile("[a-z]{2,}s")


@dataclass(frozen=True)
class Slider:
    """A number among `values`, in rising order. Code may pass any number between the ends; a finger gets the steps.

    `called` names a value in words beside its number; an empty name is left out.
    """

    values: tuple[float, ...]
    start: float
    unit: str = ""
    label: str = ""
    whole: bool = True
    called: Callable[[float], str] | None = None

    def check(self, name: str, value: Any) -> float:
        """`value` if it is a number between the ends; raises `BadInput` naming the field and what is allowed."""
        checked = check_number(name, value, self.values[0], self.values[-1], whole=self.whole)
        return int(checked) if self.whole else checked

    def options(self, chosen: float | None = None) -> list[tuple[str, Any]]:
        """Pairs of text and value, in the order of the slider; with a step for what code has chosen between its own."""
        steps = {*self.values, *(() if chosen is None else (chosen,))}
        return [(self.text(value), value) for value in sorted(steps)]

    def text(self, value: float) -> str:
        """The value with its unit, as it stands at the end of the slider: 2 threads, 1 thread, 5 ms."""
        unit = self.unit[:-1] if value == 1 and PLURAL.fullmatch(self.unit) else self.unit
        said = f"{count(value) if self.whole else f'{value:g}'} {unit}".strip()
        name = self.called(value) if self.called is not None else ""
        return f"{said}, {name}" if name else said


@dataclass(frozen=True)
class Choice:
    """One of several named values, shown as a row of buttons or, when `menu`, as a drop-down list."""

    values: tuple[Any, ...]
    start: Any
    label: str = ""
    menu: bool = False

    def check(self, name: str, value: Any) -> Any:
        """`value` if it is one of the choices (and of its type: 1 is not True); raises `BadInput` with the list."""
        for allowed in self.values:
            if type(value) is type(allowed) and value == allowed:
                return allowed
        raise BadInput(f"{name} must be one of {', '.join(map(str, self.values))}; got {value!r}.")

    def options(self) -> list[tuple[str, Any]]:
        """Pairs of text and value."""
        return [({True: "on", False: "off"}.get(value, str(value)), value) for value in self.values]


Control = Slider | Choice


def slider(
    low: float, high: float, start: float, step: float = 1, *, unit: str = "", label: str = "", whole: bool = True
) -> Slider:
    """A slider with even steps from `low` to `high`, both included."""
    steps = round((high - low) / step)
    values = [low + index * (high - low) / steps for index in range(steps + 1)]
    return _slider([round(value, 9) for value in values], start, unit, label, whole)


def log_slider(low: float, high: float, start: float, *, unit: str = "", label: str = "", whole: bool = True) -> Slider:
    """A slider whose steps are 1, 2, 5, 10, 20, … between `low` and `high`."""
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = [float(f"{digit}e{exponent}") for exponent in exponents for digit in ROUND_STEPS]
    values = [low, *(value for value in steps if low < value < high), high]
    return _slider(values, start, unit, label, whole)


def values_slider(
    values: Sequence[float],
    start: float,
    *,
    unit: str = "",
    label: str = "",
    called: Callable[[float], str] | None = None,
) -> Slider:
    """A slider over just these values, for steps that are neither even nor logarithmic."""
    return _slider(values, start, unit, label, all(float(value).is_integer() for value in values), called)


def switch(start: bool, *, label: str = "") -> Choice:
    """On or off."""
    return Choice((False, True), start, label)


def choice(values: Sequence[Any], start: Any = None, *, label: str = "", menu: bool = False) -> Choice:
    """One of `values`; the first is the start unless another is named."""
    return Choice(tuple(values), values[0] if start is None else start, label, menu)


def check_parameters(controls: Mapping[str, Control], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """All parameters of a run, checked, with starts filled in; raises `BadInput` for an unknown name or a bad value."""
    unknown = sorted(set(parameters) - set(controls))
    if unknown:
        raise BadInput(f"{unknown[0]} is not a control of this lab; its controls are {', '.join(controls)}.")
    given = {name: parameters.get(name, control.start) for name, control in controls.items()}
    return {name: control.check(name, given[name]) for name, control in controls.items()}


def _slider(
    values: Sequence[float],
    start: float,
    unit: str,
    label: str,
    whole: bool,
    called: Callable[[float], str] | None = None,
) -> Slider:
    exact = tuple(int(value) if whole else float(value) for value in values)
    if start not in exact:
        raise ValueError(f"the slider's start {start} is not one of its steps {exact}")
    return Slider(exact, start, unit, label, whole, called)
