"""The same document for each request: JSON, text, or bytes that are compressed already."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass

from perflab.measure.guards import BadInput, check_number
from perflab.systems.http.http11 import Reply, Request
from perflab.systems.servers.stages import Host, Next, SettableStage

JSON, TEXT, PACKED = KINDS = ("JSON", "text", "already compressed")
MAX_BYTES = 1_000_000
NAMES = (
    "Ada",
    "Ben",
    "Chi",
    "Dev",
    "Eva",
    "Gus",
    "Hal",
    "Ida",
    "Jon",
    "Kim",
    "Lea",
    "Max",
    "Noa",
    "Oli",
    "Ravi",
    "Uma",
)
PRODUCTS = ("lamp", "chair", "table", "sofa", "shelf", "mirror", "carpet", "clock", "vase", "desk")


@dataclass(frozen=True)
class Settings:
    """What kind of document, and its size."""

    kind: str = JSON
    size: int = 2_000

    def __post_init__(self) -> None:
        check_number("size", self.size, 1, MAX_BYTES, whole=True)
        if self.kind not in KINDS:
            raise BadInput(f"kind must be one of {', '.join(KINDS)}; got {self.kind!r}.")


class Documents(SettableStage[Settings]):
    """Answers every request; a document is made when it is set, not when it is asked for."""

    settings_type = Settings

    def __init__(self, host: Host, settings: Settings) -> None:
        super().__init__(host, settings)
        self.change(settings)

    def change(self, settings: Settings) -> None:
        self._reply = Reply(document(settings.kind, settings.size))

    async def answer(self, settings: Settings, request: Request, following: Next) -> Reply:
        return self._reply


def document(kind: str, size: int, seed: int = 1) -> bytes:
    """Exactly so many bytes of a kind: orders as an API lists them, lines of a log, or what compressing leaves (random bytes)."""
    draw = random.Random(seed)
    if kind == PACKED:
        return draw.randbytes(size)
    rows = _orders(draw) if kind == JSON else _lines(draw)
    text = ""
    while len(text) < size:
        text += next(rows)
    return text.encode()[:size]


def _orders(draw: random.Random) -> Iterator[str]:
    for begin in itertools.chain("[", itertools.repeat(", ")):
        names = draw.choice(NAMES), draw.choice(NAMES)
        order = {
            "id": draw.getrandbits(32),
            "customer": " ".join(names),
            "email": f"{'.'.join(names).lower()}{draw.randrange(1_000)}@example.org",
            "product": draw.choice(PRODUCTS),
            "price": draw.randrange(99_900) / 100,
            "quantity": draw.randrange(1, 9),
            "paid": draw.random() < 0.8,
            "token": f"{draw.getrandbits(64):016x}",
        }
        yield begin + json.dumps(order)


def _lines(draw: random.Random) -> Iterator[str]:
    moment_ms = 0
    while True:
        moment_ms += draw.randrange(900)
        second, ms = divmod(moment_ms, 1_000)
        clock = f"{second // 3_600 % 24:02}:{second // 60 % 60:02}:{second % 60:02}.{ms:03}"
        what = f"order {draw.randrange(10**6)} of customer {draw.randrange(10**4)}, {draw.choice(PRODUCTS)}"
        yield f"2026-03-01 {clock} INFO shop.orders {what}, stored in {draw.randrange(90) / 10} ms\n"
