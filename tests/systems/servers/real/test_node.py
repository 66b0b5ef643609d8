from __future__ import annotations

import pytest
from real_servers import connected, get, require

from perflab.systems.process.child import ServerFailed
from perflab.systems.servers.real.http import PAGE
from perflab.systems.servers.real.node import NODE

pytestmark = pytest.mark.process


def test_javascript_answers_each_path() -> None:
    require(NODE)
    with NODE.start(paths={"/wait": "setTimeout(() => response.end('ok'), 1)"}) as server:
        for path, body in (("/wait?n=1", b"ok"), ("/", PAGE.encode())):
            with connected(server.port, None) as connection:
                assert get(connection, path) == (200, body)


def test_an_error_in_it_is_told_with_the_end_of_the_log() -> None:
    require(NODE)
    with pytest.raises(
        ServerFailed, match=r"^Node\.js does not start, so it is not measured here\.\n(.|\n)*SyntaxError"
    ):
        NODE.start(paths={"/wait": "no sense"})
