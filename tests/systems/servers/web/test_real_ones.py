"""What is said where a real server cannot be started; how they answer is tested through `web_server`."""

from __future__ import annotations

from pathlib import Path

import pytest

from perflab.measure.guards import BadInput
from perflab.systems.process.installed import Installable
from perflab.systems.servers.web.real_ones import REAL, why_not
from perflab.systems.servers.web.web_server import APACHE, NODE, OURS, found, web_server, why_missing


def test_a_missing_server_is_told_with_how_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Installable, "find", lambda self: None)
    assert set(found()) <= set(OURS)
    for architecture in REAL:
        assert f"{architecture} is not installed" in why_missing(architecture)
    with pytest.raises(BadInput, match="Node.js is not installed"), web_server(NODE):
        pass


def test_apache_without_lua_is_not_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Installable, "find", lambda self: str(tmp_path / "bin" / "httpd"))
    assert "mod_lua is missing" in why_not(APACHE)
