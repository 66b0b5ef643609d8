"""What is refused before a server is started."""

from __future__ import annotations

from typing import Any

import pytest

from perflab.measure.guards import BadInput
from perflab.systems.servers.web.settings import Settings


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"workers": 0}, "workers must be a whole number from 1 to 400; got 0"),
        ({"workers": 1.5}, "workers"),
        ({"keep_alive_s": -1}, "keep_alive_s"),
        ({"keep_alive_s": float("nan")}, "keep_alive_s"),
        ({"backlog": 0}, "backlog"),
        ({"backend_port": 70_000}, "backend_port"),
    ],
)
def test_what_is_not_allowed_is_named(given: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        Settings(**given)
