from __future__ import annotations

import socket
from pathlib import Path

import psutil
import pytest
from patience import wait_until
from real_servers import connected, get, require

from perflab.systems.process.child import ServerFailed
from perflab.systems.servers.real.apache import APACHE, module_folder

pytestmark = pytest.mark.process


def test_it_has_as_many_processes_as_asked_for_and_lua_runs_in_them() -> None:
    require(APACHE)
    if not (module_folder(APACHE.find() or "") / "mod_lua.so").exists():
        pytest.skip("Apache has no Lua here")
    with APACHE.start(workers=4, paths={"/wait": 'r.usleep(1000) r:puts("ok")'}) as server:
        wait_until(lambda: len(psutil.Process(server.main_pid).children()) == 4)
        with connected(server.port, None) as connection:
            assert get(connection, "/wait") == (200, b"ok")


def test_lines_of_its_configuration_pass_requests_on() -> None:
    require(APACHE)
    with APACHE.start(workers=1) as behind:
        proxy = f"ProxyPass /behind http://127.0.0.1:{behind.port}/index.html"
        with (
            APACHE.start(workers=2, modules=["proxy", "proxy_http"], lines=proxy) as server,
            connected(server.port, None) as connection,
        ):
            assert get(connection, "/behind")[0] == 200


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"modules": ["no_such"]}, "mod_no_such.so"),
        ({"workers": 1_000}, "workers must be a whole number from 1 to 400; got 1000."),
        ({"colour": "blue"}, "colour"),
    ],
)
def test_what_it_cannot_be_started_with_is_told_with_the_end_of_its_log(settings: dict[str, object], told: str) -> None:
    require(APACHE)
    with pytest.raises(ServerFailed) as failed:
        APACHE.start(**settings)
    sentence, log = str(failed.value).split("\n", 1)
    assert sentence == "Apache does not start, so it is not measured here."
    assert told in log


def test_a_port_that_is_taken_is_told_with_the_end_of_its_log() -> None:
    require(APACHE)
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        with pytest.raises(
            ServerFailed,
            match=rf"^Apache does not start, so it is not measured here\.(.|\n)*in use(.|\n)*127\.0\.0\.1:{port}",
        ):
            APACHE.start(lines=f"Listen 127.0.0.1:{port}")


@pytest.mark.parametrize(
    ("program", "modules"),
    [
        ("usr/sbin/apache2", "usr/lib/apache2/modules"),
        ("usr/sbin/httpd", "usr/lib64/httpd/modules"),
        ("Cellar/httpd/2.4.66/bin/httpd", "Cellar/httpd/2.4.66/lib/httpd/modules"),
        ("local/apache2/bin/httpd", "local/apache2/modules"),
        ("elsewhere/bin/httpd", None),
    ],
)
def test_modules_are_found_beside_the_program(tmp_path: Path, program: str, modules: str | None) -> None:
    if modules:
        (tmp_path / modules).mkdir(parents=True)
    expected = tmp_path / (modules or "elsewhere/lib/apache2/modules")
    assert module_folder(str(tmp_path / program)) == expected.resolve()
