"""Replies compressed by zlib, as a server does for a client that sends `Accept-Encoding: deflate`."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace

from perflab.measure.guards import check_number
from perflab.systems.http.http11 import Reply, Request
from perflab.systems.servers.stages import Next, SettableStage

PIECE_BYTES = 65_536
ENCODED = ("Content-Encoding", "deflate")


@dataclass(frozen=True)
class Settings:
    """zlib's level, 1 (fast) to 9 (small); 0 for none."""

    level: int = 0

    def __post_init__(self) -> None:
        check_number("level", self.level, 0, 9, whole=True)


class Compression(SettableStage[Settings]):
    """Notes the number of `plain_bytes`."""

    settings_type = Settings

    async def answer(self, settings: Settings, request: Request, following: Next) -> Reply:
        reply = await following(request)
        if not settings.level or not reply.body:
            return reply
        request.state["plain_bytes"] = len(reply.body)
        return replace(reply, body=self._compress(reply.body, settings.level), headers=(*reply.headers, ENCODED))

    def _compress(self, body: bytes, level: int) -> bytes:
        compressor, parts = zlib.compressobj(level), []
        for start in range(0, len(body), PIECE_BYTES):
            self.host.stand_still()
            parts.append(compressor.compress(memoryview(body)[start : start + PIECE_BYTES]))
        return b"".join([*parts, compressor.flush()])
