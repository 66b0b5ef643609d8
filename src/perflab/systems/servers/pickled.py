"""Functions in the configuration of a server, which is JSON."""

from __future__ import annotations

import base64
import pickle
from typing import Any


def packed(value: Any) -> Any:
    """The value, a function as text; a server that unpacks it runs it."""
    if not callable(value):
        return value
    import cloudpickle  # the server itself needs it only for a function that is in no module

    return {"pickled": base64.b64encode(cloudpickle.dumps(value)).decode()}


def unpacked(value: Any) -> Any:
    """What was packed."""
    return pickle.loads(base64.b64decode(value["pickled"])) if isinstance(value, dict) else value
