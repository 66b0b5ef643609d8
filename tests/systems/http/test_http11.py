"""Our HTTP server, spoken to by the standard library's client and by hand."""

from __future__ import annotations

import asyncio
import errno
import http.client
import socket
import threading
from collections.abc import Iterator

import pytest
from patience import PATIENCE_S

from perflab.systems.http.connection import Connection
from perflab.systems.http.http11 import MAX_BODY, MAX_HEAD, Reply, Request, start_server
from perflab.systems.process.child import port_of


async def handler(request: Request) -> Reply:
    if request.path == "/broken":
        raise KeyError("price")
    if request.path == "/missing":
        return Reply(status=404)
    text = f"{request.method} {request.path} {sorted(request.query.items())} {len(request.body)}"
    return Reply(text.encode(), headers=(("X-Kind", "test"),))


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(start_server(handler))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield port_of(server)
    loop.call_soon_threadsafe(server.close)
    loop.call_soon_threadsafe(lambda: [task.cancel() for task in asyncio.all_tasks(loop)])
    loop.call_soon_threadsafe(loop.call_later, 0.05, loop.stop)
    thread.join()
    loop.close()


def raw(port: int, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as client:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        received = b""
        while chunk := client.recv(65_536):
            received += chunk
    return received


def test_the_standard_librarys_client_understands_it_and_keeps_the_connection(port: int) -> None:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    for number in range(3):
        client.request("POST", f"/a/b?x={number}&y=2", body=b"12345")
        reply = client.getresponse()
        assert (reply.status, reply.getheader("X-Kind")) == (200, "test")
        assert reply.read().decode() == f"POST /a/b [('x', '{number}'), ('y', '2')] 5"
    client.close()


def test_our_own_client_reads_bodies_and_refuses_other_statuses(port: int) -> None:
    connection = Connection(port)
    assert connection.get("/hello") == b"GET /hello [] 0"
    with pytest.raises(OSError, match="404"):
        connection.get("/missing")
    connection.close()


def test_a_handler_that_raises_becomes_a_500_and_the_connection_lives_on(port: int) -> None:
    connection = Connection(port)
    with pytest.raises(OSError, match="500(.|\n)*KeyError"):
        connection.get("/broken")
    assert connection.get("/again") == b"GET /again [] 0"
    connection.close()


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nContent-Length: many\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nContent-Length: -5\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (MAX_BODY + 1), b"413"),
        (b"GET /" + b"x" * (MAX_HEAD + 10) + b" HTTP/1.1\r\n\r\n", b"413"),
    ],
)
def test_what_is_no_proper_request_is_refused_with_a_status(port: int, data: bytes, status: bytes) -> None:
    assert raw(port, data).startswith(b"HTTP/1.1 " + status)


def test_connection_close_is_honoured(port: int) -> None:
    assert raw(port, b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n").endswith(b"GET / [] 0")


def test_a_client_that_leaves_in_the_middle_does_no_harm(port: int) -> None:
    assert raw(port, b"POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\nabc") == b""
    assert raw(port, b"GET / HTT") == b""
    connection = Connection(port)
    assert connection.get("/still-there") == b"GET /still-there [] 0"
    connection.close()


@pytest.mark.parametrize(
    ("error", "is_told"),
    [
        (OSError(errno.EMFILE, "Too many open files"), True),
        (RuntimeError("can't start new thread"), True),
        (KeyError("a"), False),
    ],
)
def test_a_server_that_has_no_means_to_answer_is_told_so(error: Exception, is_told: bool) -> None:
    async def fail(_: Request) -> Reply:
        raise error

    async def ask() -> tuple[bytes, list[object]]:
        told: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["exception"]))
        async with await start_server(fail) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            status = await reader.readline()
            writer.close()
            return status, told

    status, told = asyncio.run(ask())
    assert b" 500 " in status
    assert [each for each in told if each is error] == [error] * is_told
