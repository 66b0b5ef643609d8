"""How an experiment travels to the worker: by name from a module, by value from a notebook's cell."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import partial
from typing import Any

import cloudpickle

from perflab.measure.guards import BadInput


def packed(experiment: Any) -> bytes:
    """What the worker unpickles; raises `BadInput`, with the name of what cannot travel."""
    try:
        return bytes(cloudpickle.dumps(experiment))
    except Exception as error:
        found = _culprit(experiment, set())
        name, value = found or ("something", error)
        what = f"`{name}` (a {_kind(value)})" if found else f"something ({str(error).rstrip('.')})"
        raise BadInput(
            f"The experiment uses {what}, which cannot be sent to the measuring process: open it inside the experiment."
        ) from error


def _culprit(thing: Any, seen: set[int]) -> tuple[str, Any] | None:
    """The name and value, as deep as it can be told, of what keeps `thing` from being pickled."""
    for name, value in _used_by(thing):
        if id(value) in seen:
            continue
        seen.add(id(value))
        try:
            cloudpickle.dumps(value)
        except Exception:
            return _culprit(value, seen) or (name, value)
    return None


def _used_by(thing: Any) -> Iterator[tuple[str, Any]]:
    """What stands by name in code: of functions and of what binds them, not the insides of other objects."""
    if isinstance(thing, partial):
        yield ("function", thing.func)
        yield from thing.keywords.items()
        yield from ((f"argument {number}", value) for number, value in enumerate(thing.args, 1))
    elif inspect.ismethod(thing):
        yield from vars(thing.__self__).items() if hasattr(thing.__self__, "__dict__") else ()
    elif inspect.isfunction(thing):
        found = inspect.getclosurevars(thing)
        yield from (*found.nonlocals.items(), *found.globals.items(), *vars(thing).items())
        defaults = inspect.signature(thing, follow_wrapped=False).parameters.values()
        yield from ((each.name, each.default) for each in defaults if each.default is not each.empty)


def _kind(value: Any) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
