"""A keeper and its server, which is here a few lines of Python: whatever goes wrong, nothing is left."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from patience import wait_until, wait_until_gone

from perflab.systems.process import child
from perflab.systems.process.child import ServerFailed
from perflab.systems.process.installed import KeptServer
from perflab.systems.process.keeper import Place

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(os.name == "nt", reason="real servers are started on Linux and macOS only"),
]

DECLARED = '''
import os, signal, sys, socket
from pathlib import Path
from perflab.systems.process.keeper import Launch, keep

SERVER = """
import os, signal, socket, sys, time
{code}
listening = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    connection, _ = listening.accept()
    connection.recv(100)
    connection.sendall(b"ready " + str(os.getpid()).encode())
    connection.close()
"""

def launch(place, code="", before="", taken=0):
    tries = place.folder / "tries"
    tries.write_text((tries.read_text() if tries.exists() else "") + "x")
    port = taken if len(tries.read_text()) == 1 and taken else place.free_port()
    server = place.write("server.py", SERVER.replace("{code}", code))
    first = ((place.program, "-c", before),) if before else ()
    return Launch((place.program, server, str(port)), b"ready?", b"ready", port=port, before=first)

keep(launch)
'''


@pytest.fixture(autouse=True)
def declared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "declared_server.py").write_text(DECLARED)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *filter(None, sys.path)]))


def start(**settings: object) -> KeptServer:
    return KeptServer("declared_server", {"program": sys.executable, **settings}, "declared")


def said_by(server: KeptServer) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(b"ready?")
        return connection.recv(100)


def test_it_is_ready_once_it_answers_and_leaves_nothing_behind() -> None:
    with start(code="time.sleep(0.3)") as server:
        assert said_by(server) == f"ready {server.main_pid}".encode()
        assert server.folder.is_dir()
    assert not server.folder.exists()
    wait_until_gone(server.main_pid, server.pid)


def test_one_that_ends_at_once_is_told_with_the_end_of_its_log() -> None:
    with pytest.raises(ServerFailed) as failed:
        start(code="sys.exit('no such table: people')")
    assert str(failed.value) == (
        "The declared server died.\nThe end of its log:\nno such table: people\n"
        "It ended with exit code 1 before it was ready."
    )


def test_a_preparation_that_fails_is_told() -> None:
    with pytest.raises(ServerFailed, match=r"no room\n.* ended with exit code 1\.$"):
        start(before="import sys; sys.exit('no room')")


def test_one_that_is_never_ready_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "START_S", 1.0)
    with pytest.raises(ServerFailed, match=r"The declared server did not start within 1 s"):
        start(code="time.sleep(60)")


def test_a_port_that_was_lost_to_another_program_is_replaced() -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        taken = holder.getsockname()[1]
        with start(taken=taken) as server:
            assert server.port != taken and said_by(server).startswith(b"ready")


def test_a_setting_that_is_not_there_is_named() -> None:
    with pytest.raises(ServerFailed, match=r"unexpected keyword argument 'colour'$"):
        start(colour="blue")


def test_one_that_does_not_stop_when_it_is_told_to_is_killed() -> None:
    with start(code="signal.signal(signal.SIGTERM, signal.SIG_IGN)") as server:
        pass
    wait_until_gone(server.main_pid)
    assert not server.folder.exists()


def test_workers_that_outlive_the_first_process_are_killed() -> None:
    with start(code="if os.fork() == 0: time.sleep(600)") as server:
        processes = psutil.Process(server.main_pid).children()
        assert len(processes) == 1
    wait_until_gone(server.main_pid, *(each.pid for each in processes))


def test_one_that_dies_in_mid_run_is_noticed_and_its_folder_removed() -> None:
    with (
        pytest.raises(ServerFailed, match=r"declared server died(.|\n)*It ended with exit code -9\."),
        start() as server,
    ):
        os.kill(server.main_pid, signal.SIGKILL)
        server.check(child.START_S)
    assert not server.folder.exists()


def test_a_parent_killed_in_the_midst_of_the_preparation_leaves_nothing(tmp_path: Path) -> None:
    told = tmp_path / "told"
    before = f"import os, time; open({str(told)!r}, 'w').write(f'{{os.getpid()}} {{os.getcwd()}} .'); time.sleep(60)"
    code = (
        "import sys; from perflab.systems.process.installed import KeptServer\n"
        f"KeptServer('declared_server', {{'program': sys.executable, 'before': {before!r}}}, 'declared')"
    )
    with subprocess.Popen([sys.executable, "-c", code]) as parent:
        wait_until(lambda: told.exists() and told.read_text().endswith("."))
        parent.kill()
    pid, folder, _ = told.read_text().split()
    wait_until_gone(int(pid))
    wait_until(lambda: not Path(folder).exists(), "the end of its folder")


def test_a_keeper_that_is_told_to_end_takes_its_server_along() -> None:
    with start() as server:
        os.kill(server.pid, signal.SIGTERM)
        wait_until_gone(server.pid, server.main_pid)
        assert not server.folder.exists()


def test_an_interrupt_is_the_parents_business() -> None:
    with start() as server:
        assert os.getpgid(server.main_pid) == server.main_pid == os.getsid(server.main_pid)
        os.kill(server.pid, signal.SIGINT)
        assert said_by(server).startswith(b"ready")


def test_a_socket_that_several_processes_inherit_blocks_none_of_them_in_accept(tmp_path: Path) -> None:
    with Place(sys.executable, tmp_path, None, None).listening_socket() as listening:
        assert not listening.getblocking() and listening.get_inheritable()
