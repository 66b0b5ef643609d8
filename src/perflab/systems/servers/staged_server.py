"""A server in a process of its own that is a list of stages, each by its name and with its settings.

`with staged_server(("stall", {}), ("computing", {"service_s": 0.001})) as server:` starts it;
`server.ask("set", service_s=0.002)` changes settings for the requests that arrive from then on; `server.ask(…)` also asks a stage
what it offers (`stall`). While its clock is paused, no request gets on in any stage.
"""

from __future__ import annotations

import importlib
import inspect
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from perflab.measure.guards import BadInput
from perflab.systems.http.http11 import Reply, Request
from perflab.systems.http.server_timing import HEADER, encode_state
from perflab.systems.process.child import Handlers, keep_serving, read_config, run_server
from perflab.systems.process.loops import precise_loop
from perflab.systems.process.pausable import PausableServer, RunningClock
from perflab.systems.servers.pickled import packed, unpacked
from perflab.systems.servers.policy import PolicyFailed
from perflab.systems.servers.stages import Host, SettableStage, chain, timed

HTTP, MULTIPLEXED = "http11", "multiplexed"
FRONTS = (HTTP, MULTIPLEXED)
"""Modules of `perflab.systems.http`, with a `start_server`."""
KINDS = {
    "admission": "stage_kinds.admission.Admission",
    "batching": "stage_kinds.batching.Batching",
    "cache": "stage_kinds.cache.Cache",
    "compression": "stage_kinds.compression.Compression",
    "computing": "stage_kinds.computing.Computing",
    "concurrency": "stage_kinds.concurrency.Concurrency",
    "database": "stage_kinds.database.Database",
    "documents": "stage_kinds.documents.Documents",
    "link": "stage_kinds.link.Link",
    "lru": "stage_kinds.lru.Lru",
    "pages": "stage_kinds.pages.Pages",
    "pool": "stage_kinds.pool.Pool",
    "queue": "stage_kinds.queue.Queue",
    "shop": "shop.Shop",
    "stall": "stage_kinds.stall.Stall",
    "threads": "stage_kinds.threads.Threads",
    "workers": "worker_server.Workers",
}
"""Where the class of each stage is, in `perflab.systems.servers`."""
Given = Mapping[str, Any]
Config = tuple[str, Given]
"""A stage's name, and the settings that it starts with; with them, what its class is made with and cannot be set later."""


def kind_of(name: str) -> type[SettableStage[Any]]:
    """The class of a stage; raises `BadInput` for a name that there is not."""
    if name not in KINDS:
        raise BadInput(f"There is no stage {name!r}; there are {', '.join(KINDS)}.")
    module, _, kind = KINDS[name].rpartition(".")
    found: type[SettableStage[Any]] = getattr(importlib.import_module(f"perflab.systems.servers.{module}"), kind)
    return found


def sorted_out(name: str, given: Given) -> tuple[Any, dict[str, Any]]:
    """A stage's settings, and what its class is made with beside them; raises `BadInput` for one that it does not have, one that
    is missing, or a value that is not allowed.
    """
    kind = kind_of(name)
    settable = inspect.signature(kind.settings_type).parameters
    fixed = dict(list(inspect.signature(kind).parameters.items())[2:])
    for each in given:
        if each not in {**settable, **fixed}:
            raise BadInput(f"{name} has no setting {each!r}; it has {', '.join({**settable, **fixed}) or 'none'}.")
    for each, parameter in {**settable, **fixed}.items():
        if parameter.default is parameter.empty and each not in given:
            raise BadInput(f"{name} needs {each!r}.")
    settings = kind.settings_type(**{each: value for each, value in given.items() if each in settable})
    return settings, {each: value for each, value in given.items() if each in fixed}


async def answer_last(_: Request) -> Reply:
    """The answer to a request that passes all stages."""
    return Reply(b"served")


class Frame:
    """What is around all stages: their settings, the time in each, and errors of a request."""

    def __init__(self, config: Sequence[Config], host: Host, tells: bool = True) -> None:
        self._host, self._tells = host, tells
        given = {name: sorted_out(name, its_config) for name, its_config in config}
        self._settings = {name: settings for name, (settings, _) in given.items()}
        self._owner = owners(self._settings)
        self.stages = {name: kind_of(name)(host, settings, **fixed) for name, (settings, fixed) in given.items()}
        self.requests: Handlers = {**host.requests, "settle": self.settle, "set": self.set}
        for stage in self.stages.values():
            self.requests = {**stage.requests, **self.requests}
        self._connect()

    def set(self, **changes: Any) -> dict[str, Any]:
        """Change settings for the requests that arrive from now on; returns all. All changes are made, or, where one is refused
        (ValueError), none.
        """
        changed: dict[str, dict[str, Any]] = {}
        for name, value in changes.items():
            if name not in self._owner:
                raise BadInput(f"There is no setting {name!r}; there are {', '.join(self._owner)}.")
            changed.setdefault(self._owner[name], {})[name] = value
        new = {stage: replace(self._settings[stage], **values) for stage, values in changed.items()}
        self._settings = {**self._settings, **new}
        for stage, settings in new.items():
            self.stages[stage].change(settings)
        self._connect()
        return {name: value for settings in self._settings.values() for name, value in _plain(settings).items()}

    async def answer(self, request: Request) -> Reply:
        """One request."""
        # The thread that reads and answers pauses too: else it would hold the GIL in a pause more than at other times.
        self._host.stand_still()
        try:
            reply = await self._chain(request)
        except PolicyFailed:
            raise  # not to be taken for an error of the client's
        except BadInput as error:
            reply = Reply(str(error).encode(), 400)
        self._host.stand_still()
        if not self._tells:
            return reply
        return replace(reply, headers=(*reply.headers, (HEADER, encode_state(request.state))))

    def settle(self) -> dict[str, Any]:
        """What the stages noted since the last time, in columns."""
        self._host.settle()
        return {name: column for stage in self.stages.values() for name, column in stage.settle().items()}

    def close(self) -> None:
        """End the stages."""
        for stage in self.stages.values():
            stage.close()

    def _connect(self) -> None:
        # A new chain for each change: a request that is under way goes on in the one in which it began.
        bound = {name: partial(stage.answer, self._settings[name]) for name, stage in self.stages.items()}
        self._chain = chain([timed(name, stage, self._host.now_ns) for name, stage in bound.items()], answer_last)


def owners(settings: Mapping[str, Any]) -> dict[str, str]:
    """The stage that each setting belongs to; raises `BadInput` where two stages have one of the same name."""
    found: dict[str, str] = {}
    for stage, its_settings in settings.items():
        for field in fields(its_settings):
            if field.name in found:
                raise BadInput(f"{found[field.name]} and {stage} both have a setting {field.name!r}: use one of them.")
            found[field.name] = stage
    return found


class StagedServer(PausableServer):
    """Removes the folder of its stages when it ends."""

    def __init__(self, stages: Sequence[Config], name: str, **config: Any) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix=f"perflab-{name}-", ignore_cleanup_errors=True)
        try:
            given = [(stage, with_folder(stage, its_config, self._folder.name)) for stage, its_config in stages]
            owners({stage: sorted_out(stage, its_config)[0] for stage, its_config in given})
            named = [(stage, {key: packed(value) for key, value in each.items()}) for stage, each in given]
            config = {"stages": named, "folder": self._folder.name, **config}
            super().__init__("perflab.systems.servers.staged_server", config, name)
        except BaseException:
            self._folder.cleanup()
            raise

    def close(self) -> None:
        super().close()
        self._folder.cleanup()


def with_folder(stage: str, given: Given, folder: str) -> Given:
    """For a stage that keeps files."""
    return {"folder": folder, **given} if "folder" in inspect.signature(kind_of(stage)).parameters else given


def staged_server(
    *stages: Config, front: str = HTTP, precise: bool = False, tells: bool = True, name: str = "staged"
) -> PausableServer:
    """The server, for as long as its block lasts; a request enters the first stage first.

    A setting may be a function (a rule of a learner's). `precise`: its event loop waits to the microsecond, and has fewer than
    1,024 connections. `tells`: each reply has the time in each stage (`state_of`). Raises `BadInput` for stages or settings that
    there are not or that are not allowed, before anything is started.
    """
    if front not in FRONTS:
        raise BadInput(f"front must be one of {', '.join(FRONTS)}; got {front!r}.")
    if len(dict(stages)) < len(stages):
        raise BadInput(f"Each stage may be there once; got {', '.join(stage for stage, _ in stages)}.")
    return StagedServer(stages, name, front=front, precise=precise or front == MULTIPLEXED, tells=tells)


def _plain(settings: Any) -> dict[str, Any]:
    told = {field.name: getattr(settings, field.name) for field in fields(settings)}
    return {name: value for name, value in told.items() if not callable(value)}


async def _main(stages: list[Config], folder: str, front: str, tells: bool, precise: bool, clock: str) -> None:
    config = [(stage, {key: unpacked(value) for key, value in given.items()}) for stage, given in stages]
    frame = Frame(config, Host(RunningClock(Path(clock))), tells)
    server = await importlib.import_module(f"perflab.systems.http.{front}").start_server(frame.answer)

    def clean_up() -> None:
        frame.close()
        shutil.rmtree(folder, ignore_errors=True)  # the parent may have been killed

    await keep_serving(
        server, frame.requests, clean_up, *(stage.look_after_itself() for stage in frame.stages.values())
    )


if __name__ == "__main__":
    _config = read_config()
    run_server(_main, precise_loop if _config["precise"] else None, _config)
