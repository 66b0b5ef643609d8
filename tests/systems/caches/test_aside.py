"""Cache-aside, with a dict and with what speaks as Redis does."""

from __future__ import annotations

from typing import Any

import pytest

from perflab.systems.caches.aside import Cache, InDict, InRedis, reader


class Server:
    """Answers as Redis does, from a dict."""

    def __init__(self) -> None:
        self.entries: dict[bytes, bytes] = {}
        self.requests: list[tuple[bytes, ...]] = []

    def ask(self, *words: bytes) -> bytes | int | None:
        self.requests.append(words)
        match words:
            case (b"GET", key):
                return self.entries.get(key)
            case (b"SET", key, value):
                self.entries[key] = value
                return b"OK"
            case (b"DEL", *keys):
                return sum(self.entries.pop(key, None) is not None for key in keys)
        raise AssertionError(words)


def in_redis() -> Cache:
    server: Any = Server()
    return InRedis(server)


@pytest.mark.parametrize("made", [InDict, in_redis])
def test_a_miss_reads_the_store_and_fills_the_cache(made: Any) -> None:
    cache, asked = made(), []

    def read_store(key: int) -> str:
        asked.append(key)
        return f"größe {key}"

    read = reader(cache, read_store)
    assert [read(key) for key in (1, 2, 1, 1)] == ["größe 1", "größe 2", "größe 1", "größe 1"]
    assert asked == [1, 2]
    assert cache.forget([1, 5]) == 1 and cache.get(1) is None and cache.get(2) == "größe 2"
    assert cache.forget([]) == 0
    read(1)
    assert asked == [1, 2, 1]


def test_a_hit_is_one_request_and_a_miss_two() -> None:
    server: Any = Server()
    read = reader(InRedis(server), str)
    read(7)
    read(7)
    assert server.requests == [(b"GET", b"7"), (b"SET", b"7", b"7"), (b"GET", b"7")]
