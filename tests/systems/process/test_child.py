"""Servers as child processes: starting, asking, dying, and leaving nothing behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest
from patience import PATIENCE_S, wait_until_gone

from perflab.measure.guards import BadInput
from perflab.measure.log_tail import KEPT_BYTES
from perflab.measure.shortage import shortage_of
from perflab.systems.process import child
from perflab.systems.process.child import ServerFailed, serve

pytestmark = pytest.mark.process

SERVERS = {
    "silent": "import time; time.sleep(30)",
    "dying": "import sys; print('no such table: people', file=sys.stderr); sys.exit(3)",
    "talking": """
import os, sys
from perflab.systems.process.child import announce
announce(1234)
for _ in range(100_000):
    print("and again " + 100 * "x", file=sys.stderr)
print("the last line", file=sys.stderr, flush=True)
os._exit(1)
""",
    "short": """
import asyncio, errno
from perflab.systems.process.child import keep_serving, run_server
async def main():
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    def accept():
        raise OSError(errno.EMFILE, "Too many open files")
    def fail():
        raise ValueError("a fault of another kind")
    loop = asyncio.get_running_loop()
    loop.call_soon(fail)
    await keep_serving(server, {"get": lambda: {"level": 1}, "fill": lambda: loop.call_soon_threadsafe(accept) and None})
run_server(main)
""",
    "taken": "import socket, sys, json; port = json.loads(sys.argv[1])['port']; socket.create_server(('127.0.0.1', port))",
    "printing": """
from perflab.systems.process.child import announce, answer_requests, read_config
print("before anything else", flush=True)
read_config()
announce(1234)
print('{"port": 1}', flush=True)
def greet():
    print("hello", flush=True)
    return {"level": 7}
answer_requests({"get": greet})
""",
    "interrupted": """
from perflab.systems.process import child
from perflab.systems.process.child import announce, exit_with_parent, read_config
import os, sys, time
read_config()
def half():
    child._channel().write(b'{"level": ')
    child._channel().flush()
    os._exit(3)
exit_with_parent({"get": half})
announce(1234)
time.sleep(60)
""",
    "asked": """
from perflab.measure.guards import check_number
from perflab.systems.process.child import announce, exit_with_parent, read_config
import time
config = read_config()
level = config["level"]
def set_level(value):
    global level
    if value < 0:
        raise ValueError("level must not be negative")
    level = check_number("level", value, 0, 9)
exit_with_parent({"set": set_level, "get": lambda: {"level": level}})
announce(1234)
time.sleep(60)
""",
}


@pytest.fixture(autouse=True)
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, code in SERVERS.items():
        (tmp_path / f"{name}_server.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *filter(None, sys.path)]))


def test_settings_are_changed_and_read_while_it_runs() -> None:
    with serve("asked_server", level=3) as server:
        assert server.port == 1234
        assert server.ask("get") == {"level": 3}
        server.ask("set", value=8)
        assert server.ask("get") == {"level": 8}


def test_what_a_server_prints_is_no_answer(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("print('printed at start-up')")
    with serve("printing_server") as server:
        assert server.port == 1234
        assert [server.ask("get") for _ in range(2)] == [{"level": 7}] * 2
        server.kill()
        with pytest.raises(ServerFailed) as failed:
            server.ask("get")
    said = str(failed.value)
    assert said.index("printed at start-up") < said.index("before anything else") < said.index("hello")


def test_a_refused_request_says_why_and_the_server_lives_on() -> None:
    with serve("asked_server", level=3) as server:
        with pytest.raises(ServerFailed, match="level must not be negative"):
            server.ask("set", value=-1)
        for kind in (ServerFailed, BadInput):
            with pytest.raises(kind, match="^level must be a number from 0 to 9; got 10"):
                server.ask("set", value=10)
        with pytest.raises(ServerFailed, match="no such request"):
            server.ask("explode")
        assert server.ask("get") == {"level": 3}


def test_a_server_that_does_not_come_up_is_given_up_and_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "START_S", 0.5)
    with pytest.raises(ServerFailed, match=r"The silent server did not start within 0.5 s"), serve("silent_server"):
        pass


def test_a_server_that_dies_at_start_shows_the_end_of_its_log() -> None:
    with pytest.raises(ServerFailed, match="died(.|\n)*no such table: people"), serve("dying_server"):
        pass


def test_where_one_server_fails_because_another_is_gone_that_one_is_told() -> None:
    with (
        pytest.raises(ServerFailed, match="short server died(.|\n)*Too many open files"),
        serve("short_server") as first,
    ):
        first.ask("fill")
        with serve("asked_server", level=1):
            raise ServerFailed("The asked server cannot reach the other one.")


def test_of_a_server_that_prints_in_a_loop_only_the_end_is_kept() -> None:
    with serve("talking_server") as server, pytest.raises(ServerFailed, match=r"died(.|\n)*the last line\Z"):
        server.check(PATIENCE_S)
        server.ask("anything")
    assert len(server._log._kept) <= KEPT_BYTES


def test_a_server_that_gets_no_more_files_ends_and_its_log_says_so_once() -> None:
    with serve("short_server") as server:
        assert server.ask("get") == {"level": 1}, "other faults are reported, and it goes on"
        with pytest.raises(ServerFailed, match="OSError: .* Too many open files") as failed:
            server.ask("fill")  # it may end before it has answered
            server.check(PATIENCE_S)
    assert str(failed.value).count("Too many open files") == 1
    assert "ulimit -n" in (shortage_of(failed.value) or "")


def test_a_taken_port_is_told_from_the_servers_own_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        with pytest.raises(ServerFailed, match=r"(?i)address (already )?in use"), serve("taken_server", port=port):
            pass


def test_a_server_that_dies_in_mid_run_is_noticed() -> None:
    with serve("asked_server", level=1) as server:
        server.check()
        os.kill(server.pid, signal.SIGTERM)
        with pytest.raises(ServerFailed, match="died"):
            server.check(PATIENCE_S)
        with pytest.raises(ServerFailed):
            server.ask("get")


def test_a_server_that_dies_in_mid_answer_is_noticed() -> None:
    with serve("interrupted_server") as server, pytest.raises(ServerFailed, match=r"The interrupted server died\."):
        server.ask("get")


def test_a_connection_lost_because_the_server_died_is_told_as_that() -> None:
    with pytest.raises(ServerFailed, match="asked server died"), serve("asked_server", level=1) as server:
        os.kill(server.pid, signal.SIGKILL)
        raise ConnectionResetError


def test_a_connection_lost_to_a_server_that_lives_on_is_told_as_it_is() -> None:
    with pytest.raises(ConnectionResetError), serve("asked_server", level=1):
        raise ConnectionResetError


def test_nothing_is_left_after_the_block() -> None:
    threads = threading.active_count()
    descriptors = psutil.Process().num_fds() if hasattr(psutil.Process(), "num_fds") else 0
    with serve("perflab.systems.servers.echo", http=True) as server:
        pid, port = server.pid, server.port
        socket.create_connection(("127.0.0.1", port)).close()
    assert not psutil.pid_exists(pid)
    assert threading.active_count() == threads
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), 1)
    assert descriptors == (psutil.Process().num_fds() if hasattr(psutil.Process(), "num_fds") else 0)


def test_a_killed_parent_takes_the_server_along() -> None:
    code = (
        "import time\nfrom perflab.systems.process.child import serve\n"
        "with serve('perflab.systems.servers.echo', http=False) as server:\n    print(server.pid, flush=True)\n    time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
        parent.wait()
    wait_until_gone(pid)
