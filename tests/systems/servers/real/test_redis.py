from __future__ import annotations

import pytest
from real_servers import asked, connected, require

from perflab.systems.process.child import ServerFailed
from perflab.systems.servers.real.redis import REDIS

pytestmark = pytest.mark.process


def test_it_keeps_what_it_is_given_in_memory_only_with_the_settings_it_is_started_with() -> None:
    require(REDIS)
    with REDIS.start(options={"maxmemory": "10mb"}) as server, connected(server.port, server.socket_path) as connection:

        def said(request: str, lines: int) -> list[bytes]:
            return asked(connection, request.encode() + b"\r\n", lambda reply: reply.count(b"\r\n") == lines).split()

        assert said("SET name value", 1) == [b"+OK"]
        assert said("GET name", 2) == [b"$5", b"value"]
        assert said("CONFIG GET maxmemory", 5)[-1] == b"10485760"
        assert said("CONFIG GET save", 5)[-1] == b"$0"
        assert [path.name for path in server.folder.iterdir()] == ["redis.sock"]


def test_a_setting_that_it_does_not_know_is_told_with_the_end_of_its_log() -> None:
    require(REDIS)
    with pytest.raises(
        ServerFailed, match=r"^Redis does not start, so it is not measured here\.\n(.|\n)*no-such-option"
    ) as failed:
        REDIS.start(options={"no-such-option": "1"})
    assert str(failed.value).endswith("It ended with exit code 1 before it was ready.")
