"""How we time and count. What a lab's file needs most is imported from here; the load generators have modules of their own.

The names are loaded when one is first asked for: our servers need guards from this package, but not NumPy, which would double the
time that they take to start.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from perflab.measure.names import *  # noqa: F403


def __getattr__(name: str) -> Any:
    names = import_module("perflab.measure.names")
    if name not in names.__all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(names, name)
