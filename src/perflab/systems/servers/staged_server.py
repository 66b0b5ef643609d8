"""A server in a process of its own that is a list of stages, each by its name and with its settings.

`with staged_server(("admission", {"places": 10}), ("turns", {"service_s": 0.001})) as server:` starts it;
`server.ask("set", service_s=0.002)` changes settings for the requests that arrive from then on; `server.ask(…)` also passes on
what a stage offers (`stall`). While its clock is paused, no request gets on in any stage.
"""

from __future__ import annotations

import base64
import importlib
import pickle
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from perflab.measure.guards import BadInput
from perflab.systems.http.http11 import Reply, Request
from perflab.systems.http.server_timing import HEADER, encode_stages
from perflab.systems.process.child import Handlers, keep_serving, precise_loop, read_config, run_server
from perflab.systems.process.pausable import PausableServer, RunningClock
from perflab.systems.servers import stage_kinds
from perflab.systems.servers.stages import Host, SettableStage, chain, timed

HTTP, MULTIPLEXED = "http11", "multiplexed"
FRONTS = (HTTP, MULTIPLEXED)
"""Modules of `perflab.systems.http`, with a `start_server`."""
Config = tuple[str, Mapping[str, Any]]
"""A stage's name, and the settings that it starts with."""


def names() -> list[str]:
    """All stages that there are."""
    return [module.name for module in pkgutil.iter_modules(stage_kinds.__path__)]


def kind_of(name: str) -> type[SettableStage[Any]]:
    """The class of a stage; raises `BadInput` for a name that there is not."""
    if name not in names():
        raise BadInput(f"There is no stage {name!r}; there are {', '.join(names())}.")
    module = importlib.import_module(f"{stage_kinds.__name__}.{name}")
    kind: type[SettableStage[Any]] = getattr(module, name.title().replace("_", ""))
    return kind


def settings_of(name: str, given: Mapping[str, Any]) -> Any:
    """A stage's settings; raises `BadInput` for one that it does not have, or a value that is not allowed."""
    kind = kind_of(name).Settings
    known = [field.name for field in fields(kind)]
    for each in given:
        if each not in known:
            raise BadInput(f"{name} has no setting {each!r}; it has {', '.join(known) or 'none'}.")
    return kind(**given)


async def answer_last(_: Request) -> Reply:
    """The answer to a request that passes all stages."""
    return Reply(b"served")


class Frame:
    """What is around all stages: their settings, the time in each, and errors of a request."""

    def __init__(self, config: Sequence[Config], host: Host) -> None:
        self._host = host
        self._settings = {name: settings_of(name, given) for name, given in config}
        self._owner = owners(self._settings)
        self.stages = {name: kind_of(name)(host, settings) for name, settings in self._settings.items()}
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
        except BadInput as error:
            reply = Reply(str(error).encode(), 400)
        self._host.stand_still()
        if any(name == HEADER for name, _ in reply.headers):
            return reply
        return replace(reply, headers=(*reply.headers, (HEADER, encode_stages(request.state))))

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


def staged_server(*stages: Config, front: str = HTTP) -> PausableServer:
    """The server, for as long as its block lasts; a request enters the first stage first.

    A setting may be a function (a rule of a learner's). Raises `BadInput` for stages or settings that there are not or that are
    not allowed, before anything is started.
    """
    if front not in FRONTS:
        raise BadInput(f"front must be one of {', '.join(FRONTS)}; got {front!r}.")
    if len(dict(stages)) < len(stages):
        raise BadInput(f"Each stage may be there once; got {', '.join(name for name, _ in stages)}.")
    owners({name: settings_of(name, given) for name, given in stages})
    config = [(name, {key: _packed(value) for key, value in given.items()}) for name, given in stages]
    return PausableServer("perflab.systems.servers.staged_server", {"stages": config, "front": front})


def _packed(value: Any) -> Any:
    if not callable(value):
        return value
    import cloudpickle  # the server itself needs it only for a function that is in no module

    return {"pickled": base64.b64encode(cloudpickle.dumps(value)).decode()}


def _unpacked(value: Any) -> Any:
    return pickle.loads(base64.b64decode(value["pickled"])) if isinstance(value, dict) else value


def _plain(settings: Any) -> dict[str, Any]:
    return {name: value for name, value in asdict(settings).items() if not callable(value)}


async def _main(stages: list[tuple[str, dict[str, Any]]], front: str, clock: str) -> None:
    config = [(name, {key: _unpacked(value) for key, value in given.items()}) for name, given in stages]
    frame = Frame(config, Host(RunningClock(Path(clock))))
    server = await importlib.import_module(f"perflab.systems.http.{front}").start_server(frame.answer)
    beside = [stage.look_after_itself() for stage in frame.stages.values()]
    await keep_serving(server, frame.requests, frame.close, *beside)


if __name__ == "__main__":
    _config = read_config()
    run_server(_main, precise_loop if _config["front"] == MULTIPLEXED else None, _config)
