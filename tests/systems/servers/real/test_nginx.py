from __future__ import annotations

from pathlib import Path

import psutil
import pytest
from patience import wait_until
from real_servers import connected, get, require

from perflab.systems.process.child import ServerFailed
from perflab.systems.servers.real import nginx
from perflab.systems.servers.real.http import PAGE
from perflab.systems.servers.real.nginx import EARLY_LOG_SINCE, NGINX, version_of

pytestmark = pytest.mark.process


def test_its_workers_pass_requests_on_to_a_server_behind() -> None:
    require(NGINX)
    with NGINX.start(workers=1) as behind:
        upstream = f"upstream behind {{ server 127.0.0.1:{behind.port}; keepalive 8; }}"
        with NGINX.start(workers=3, lines=upstream, paths={"/behind/": "proxy_pass http://behind/;"}) as server:
            wait_until(lambda: len(psutil.Process(server.main_pid).children()) == 3)
            with connected(server.port, None) as connection:
                assert get(connection, "/behind/index.html") == (200, PAGE.encode())


def test_a_module_answers_after_a_wait() -> None:
    require(NGINX)
    if not Path(nginx.MODULES, "ngx_http_echo_module.so").exists():
        pytest.skip("nginx has no echo module here")
    with (
        NGINX.start(modules=["echo"], paths={"/wait": "echo_sleep 0.01; echo -n ok;"}) as server,
        connected(server.port, None) as connection,
    ):
        assert get(connection, "/wait") == (200, b"ok")


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"modules": ["no_such"]}, "ngx_http_no_such_module.so"),
        ({"lines": "no_such_directive on;"}, 'unknown directive "no_such_directive"'),
        ({"workers": 1_000}, "workers must be a whole number from 1 to 64; got 1000."),
    ],
)
def test_what_it_cannot_be_started_with_is_told_with_the_end_of_its_log(settings: dict[str, object], told: str) -> None:
    require(NGINX)
    with pytest.raises(ServerFailed) as failed:
        NGINX.start(**settings)
    sentence, log = str(failed.value).split("\n", 1)
    assert sentence == "nginx does not start, so it is not measured here."
    assert told in log


def test_an_old_version_is_told_with_the_end_of_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nginx"
    program.write_text("#!/bin/sh\necho nginx version: nginx/1.18.0 >&2\necho unknown: $3 >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(ServerFailed, match=r"nginx/1\.18\.0\nunknown: -c\n"):
        NGINX.start()


@pytest.mark.parametrize(("text", "is_new"), [("1.18.0", False), ("1.19.5", True), ("1.31", True), (None, False)])
def test_versions_are_compared_as_numbers(text: str | None, is_new: bool) -> None:
    assert (version_of(text) >= EARLY_LOG_SINCE) is is_new
