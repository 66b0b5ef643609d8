"""Where servers are found, and what is said where there is none."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from perflab.measure.guards import BadInput
from perflab.systems.process import installed
from perflab.systems.process.child import ServerFailed
from perflab.systems.process.installed import Installable, NotInstalled, NotStarted, Packages, enter_started

THERE = Installable("Ticker", ("ticker", "tickerd"), Packages(apt="ticker", conda="tick", brew="ticker"), "no.module")


@pytest.fixture(autouse=True)
def nothing_is_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setattr(installed, "FOLDERS", (str(tmp_path / "sbin"),))
    monkeypatch.setattr(
        installed, "NUMBERED_FOLDERS", ((str(tmp_path / "lib"), "*/bin"), (str(tmp_path / "opt"), "*/bin"))
    )


def program(path: Path, text: str = "") -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_the_path_comes_first_then_the_folders_of_servers_then_the_highest_number(tmp_path: Path) -> None:
    assert THERE.find() is None
    for number in ("9.6", "15", "17"):
        program(tmp_path / "lib" / number / "bin" / "ticker")
    assert THERE.find() == str(tmp_path / "lib" / "17" / "bin" / "ticker")
    newest = program(tmp_path / "opt" / "ticker@18" / "bin" / "ticker")
    assert THERE.find() == newest
    in_sbin = program(tmp_path / "sbin" / "ticker")
    assert THERE.find() == in_sbin
    on_the_path = program(tmp_path / "path" / "ticker")
    assert THERE.find() == on_the_path


def test_a_program_may_have_several_names(tmp_path: Path) -> None:
    assert THERE.find() is None
    assert program(tmp_path / "sbin" / "tickerd") == THERE.find()


def test_one_that_is_missing_is_told_in_a_sentence_that_says_how_to_install_it() -> None:
    with pytest.raises(NotInstalled) as missing:
        THERE.start()
    assert isinstance(missing.value, ServerFailed) and isinstance(missing.value, BadInput)
    assert str(missing.value) == (
        "Ticker is not installed, so it is not measured here. To install it: apt install ticker (this also starts it as a "
        "service), conda install -c conda-forge tick or brew install ticker."
    )


@pytest.mark.parametrize(
    ("packages", "told"),
    [
        (
            Packages(apt="a", conda="c", brew="b", apt_starts_it=False),
            "apt install a, conda install -c conda-forge c or brew install b (none of them starts a service)",
        ),
        (
            Packages(apt="a", brew="b", apt_starts_it=False),
            "apt install a or brew install b (none of them starts a service)",
        ),
        (Packages(apt="a", brew="b"), "apt install a (this also starts it as a service), brew install b"),
    ],
)
def test_the_hint_says_whether_a_service_is_started(packages: Packages, told: str) -> None:
    assert str(packages) == told


def test_on_windows_none_is_looked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program(tmp_path / "path" / "ticker")
    monkeypatch.setattr(os, "name", "nt")
    assert THERE.find() is None
    assert "on Linux and macOS only" in THERE.why_missing()


def test_one_that_could_not_run_is_not_found_and_says_why(tmp_path: Path) -> None:
    program(tmp_path / "path" / "ticker", "true")
    barred = replace(THERE, obstacle=lambda: "it has no clock")
    assert THERE.find() is not None and barred.find() is None
    assert barred.why_missing() == f"{THERE.name} is not measured here: it has no clock."
    with pytest.raises(NotInstalled, match="it has no clock"):
        barred.start()


def test_of_several_blocks_those_whose_server_does_not_start_are_left_out() -> None:
    closed = []

    @contextmanager
    def block(name: str, error: Exception | None = None) -> Iterator[str]:
        if error is not None:
            raise error
        yield name.upper()
        closed.append(name)

    with ExitStack() as stack:
        blocks = {"a": block("a"), "b": block("b", NotStarted("Ticker", "no space")), "c": block("c")}
        entered, facts = enter_started(stack, blocks)
        assert entered == {"a": "A", "c": "C"} and not closed
        assert facts == {"missing": "Ticker does not start, so it is not measured here.\nno space"}
        with pytest.raises(ValueError, match="wrong"):
            enter_started(stack, {"d": block("d", ValueError("wrong"))})
    assert closed == ["c", "a"]


@pytest.mark.process
@pytest.mark.parametrize(
    ("printed", "version"),
    [
        ("Redis server v=7.0.15 sha=00000000:0 bits=64", "7.0.15"),
        ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", "15.18"),
        ("nginx version: nginx/1.22.1", "1.22.1"),
        ("Server version: Apache/2.4.71 (Debian)", "2.4.71"),
        ("v20.20.2", "20.20.2"),
        ("no idea", None),
    ],
)
def test_the_version_is_what_the_program_says_of_itself(tmp_path: Path, printed: str, version: str | None) -> None:
    program(tmp_path / "path" / "ticker", f"echo '{printed}' >&2")
    assert THERE.version() == version


def test_without_a_program_there_is_no_version() -> None:
    assert THERE.version() is None
