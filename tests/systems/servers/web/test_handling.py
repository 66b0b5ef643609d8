"""A handler of the learner's: what it hands over is computed behind, and a refusal there is an error here."""

from __future__ import annotations

from typing import Any

import pytest
from virtual_loop import run_virtually

from perflab.systems.http.http11 import Reply
from perflab.systems.servers.web.event_loop import Behind
from perflab.systems.servers.web.handling import offload_to


class Behinds(Behind):
    """A server behind that answers at once."""

    def __init__(self, reply: Reply) -> None:
        self.reply, self.asked = reply, list[str]()

    def ask(self, target: str, ms: float, on_reply: Any) -> None:
        self.asked.append(target)
        on_reply(self.reply)


def test_what_is_handed_over_is_computed_behind() -> None:
    behind = Behinds(Reply(b"ok"))
    run_virtually(offload_to(behind, 12.5))
    assert behind.asked == ["/compute?ms=12.5"]


def test_what_is_refused_behind_is_raised_here() -> None:
    with pytest.raises(RuntimeError, match="ms must be"):
        run_virtually(offload_to(Behinds(Reply(b"ms must be a number", 400)), -1))
