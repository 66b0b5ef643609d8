"""The service with a lever for everything."""

from __future__ import annotations

import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from patience import wait_until_gone

from perflab.measure.guards import BadInput
from perflab.measure.http_reply import Reply
from perflab.systems.http.connection import Connection, request_bytes
from perflab.systems.http.server_timing import state_of
from perflab.systems.process.child import ServerFailed
from perflab.systems.servers.configurable import STAGES, configurable_service


def ask(port: int, path: str = "/") -> Reply:
    with closing(Connection(port)) as connection:
        return connection.ask(request_bytes(path))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"colour": "red"}, "There is no setting 'colour'; there are bits_per_s, threads, .*payload_bytes"),
        ({"rows": 99}, "rows must be a whole number from 0 to 20; got 99"),
    ],
)
def test_settings_that_there_are_not_or_that_are_not_allowed_are_refused(
    settings: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(BadInput, match=sentence):
        configurable_service(**settings)


@pytest.mark.process
def test_all_stages_serve_in_a_process_are_switched_while_it_runs_and_leave_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with configurable_service(rows=2, threads=4, iterations=10, query_ms=1) as server:
        seen = []
        for settings in (
            {},
            {"asynchronous": True, "ttl_s": 60.0},
            {"pooled": True, "batch": "what waits", "level": 6, "bits_per_s": 1e9},
        ):
            told = server.ask("set", **settings)
            assert settings.items() <= told.items()
            reply = ask(server.port)
            assert reply.is_ok
            seen.append(state_of(reply))
        with pytest.raises(ServerFailed, match="^There is no setting 'colour'; there are"):
            server.ask("set", colour="red")
        assert ask(server.port).is_ok
    order = STAGES
    for state in seen[:2]:
        assert set(order) <= set(state)
        entered, left = zip(*(state[name] for name in order), strict=True)
        assert list(entered) == sorted(entered) and list(left) == sorted(left, reverse=True)
    assert [state.get("hit") for state in seen] == [None, 0, 1]
    assert "database" not in seen[2] and seen[2]["plain_bytes"] > 1_000
    wait_until_gone(server.pid)
    assert list(tmp_path.iterdir()) == []
