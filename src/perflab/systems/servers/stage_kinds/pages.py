"""A page of JSON, made anew for each request."""

from __future__ import annotations

import json
from dataclasses import dataclass

from perflab.measure.guards import check_number
from perflab.systems.http.http11 import Reply, Request
from perflab.systems.servers.stages import Next, SettableStage

MAX_PAYLOAD_BYTES = 1_000_000
JSON = (("Content-Type", "application/json"),)
NAMES = ("lamp", "chair", "table", "shelf", "clock", "mirror", "carpet", "curtain")


@dataclass(frozen=True)
class Settings:
    """How many bytes a page has, to within one of its rows."""

    payload_bytes: int = 2_000

    def __post_init__(self) -> None:
        check_number("payload_bytes", self.payload_bytes, 0, MAX_PAYLOAD_BYTES, whole=True)


class Pages(SettableStage[Settings]):
    """Answers every request: the rows of a list of products, which compress as such lists do (to about a quarter)."""

    settings_type = Settings

    async def answer(self, settings: Settings, request: Request, following: Next) -> Reply:
        rows = [_row(number) for number in range(settings.payload_bytes // ROW_BYTES)]
        return Reply(json.dumps(rows).encode(), headers=JSON)


def _row(number: int) -> dict[str, object]:
    mixed = number * 2_654_435_761 % 2**32
    return {
        "id": number,
        "name": NAMES[mixed % 8],
        "price": mixed % 90_000,
        "stock": mixed >> 24,
        "rating": mixed % 500 / 100,
    }


ROW_BYTES = len(json.dumps([_row(number) for number in range(1_000)])) // 1_000
