"""A page of JSON, made anew for each request."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from functools import cache

from perflab.measure.guards import check_number
from perflab.systems.http.http11 import Reply, Request
from perflab.systems.servers.stages import Host, Next, SettableStage

MAX_PAYLOAD_BYTES = 1_000_000
JSON = (("Content-Type", "application/json"),)
ROW_BYTES = 81
NAMES = ("lamp", "chair", "table", "shelf", "clock", "mirror", "carpet", "curtain")


@dataclass(frozen=True)
class Settings:
    """How many bytes a page has, to within one of its rows."""

    payload_bytes: int = 2_000

    def __post_init__(self) -> None:
        check_number("payload_bytes", self.payload_bytes, 0, MAX_PAYLOAD_BYTES, whole=True)


class Pages(SettableStage[Settings]):
    """Answers every request with a list of products, which zlib compresses to about a quarter."""

    settings_type = Settings

    def __init__(self, host: Host, settings: Settings) -> None:
        super().__init__(host, settings)
        products()  # not at the first request

    async def answer(self, settings: Settings, request: Request, following: Next) -> Reply:
        rows = products()[: settings.payload_bytes // ROW_BYTES]
        return Reply(json.dumps(rows).encode(), headers=JSON)


@cache
def products() -> list[dict[str, object]]:
    """As many as the longest page has; always the same."""
    draw = random.Random(13)
    return [
        {
            "id": f"{draw.randrange(16**24):024x}",
            "name": draw.choice(NAMES),
            "price": draw.randrange(100, 100_000),
            "stock": 7,
        }
        for _ in range(MAX_PAYLOAD_BYTES // ROW_BYTES)
    ]
