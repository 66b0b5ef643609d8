"""Rows of each request on disk before it goes on: by commits of its own, or one with those of other requests."""

from __future__ import annotations

from pathlib import Path

from perflab.systems.http.http11 import Reply, Request
from perflab.systems.servers.group_commit import CommitSettings, GroupCommit, Writer
from perflab.systems.servers.stages import Host, Next, SettableStage


class Batching(SettableStage[CommitSettings]):
    """Notes how many requests shared the `commit`. Its file is in `folder`."""

    settings_type = CommitSettings

    def __init__(self, host: Host, settings: CommitSettings, folder: str) -> None:
        super().__init__(host, settings)
        self._writer = Writer(host, Path(folder))
        self._commits = GroupCommit(host, self._writer)
        self.requests = {"commits": lambda: {"commits": self._writer.commits}}

    async def answer(self, settings: CommitSettings, request: Request, following: Next) -> Reply:
        if settings.rows:
            request.state["commit"] = await self.host.on_loop(self._commits.store(settings))
        return await following(request)

    def close(self) -> None:
        self._writer.close()
