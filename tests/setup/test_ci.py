"""CI runs the verbs that people use, fails where the browser is missing, and meets unlocked versions once a week."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import real_servers
import yaml

from perflab.systems.process.installed import Installable, Packages

REPOSITORY = Path(__file__).parents[2]
WORKFLOWS = sorted((REPOSITORY / ".github" / "workflows").glob("*.yml"))
RUN = (REPOSITORY / ".ci" / "run").read_text()


def workflow() -> dict[Any, Any]:
    (path,) = WORKFLOWS
    loaded: dict[Any, Any] = yaml.safe_load(path.read_text())
    return loaded


def commands(job: str) -> list[str]:
    return [step["run"] for step in workflow()["jobs"][job]["steps"] if "run" in step]


def test_ci_stops_at_the_first_error_and_runs_both_verbs() -> None:
    lines = RUN.splitlines()
    assert "set -euo pipefail" in lines
    assert lines[-3:] == ["make check", 'wait "$packages"', "make test"], "wait fails where an installation has failed"


def test_every_change_runs_what_decides_whether_it_lands() -> None:
    assert commands("locked") == ["bash .ci/run"]


def test_once_a_week_the_tests_run_on_unlocked_versions() -> None:
    events = workflow()[True]  # YAML 1.1 reads the key "on" as a truth value
    assert events["schedule"]
    assert "schedule" in workflow()["jobs"]["unlocked"]["if"]
    steps = commands("unlocked")
    assert "pip install -e '.[test]'" in steps
    assert not any("lock" in step or "make" in step for step in steps)
    assert "pytest" in steps[-1]
    assert "--durations" in steps[-1]


def test_every_action_is_pinned_to_a_version() -> None:
    used = re.findall(r"uses: (\S+)", WORKFLOWS[0].read_text())
    assert used
    assert [action for action in used if not re.fullmatch(r"actions/[\w-]+@v\d+", action)] == []


def test_ci_installs_the_servers_of_labs_and_fails_where_one_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "(bash .ci/browser && bash .ci/servers) &" in RUN
    assert f"export {real_servers.NEED_SERVERS}=1" in RUN
    missing = Installable("Ticker", ("no-ticker",), Packages(apt="ticker", brew="ticker"), "no.module")
    monkeypatch.delenv(real_servers.NEED_SERVERS, raising=False)
    with pytest.raises(pytest.skip.Exception, match="Ticker is not installed"):
        real_servers.require(missing)
    monkeypatch.setenv(real_servers.NEED_SERVERS, "1")
    with pytest.raises(pytest.fail.Exception, match="Ticker is not installed"):
        real_servers.require(missing)


def test_no_service_is_started_by_installing_them() -> None:
    text = (REPOSITORY / ".ci" / "servers").read_text()
    assert text.index("exit 101") < text.index("apt-get install")
    assert "binder/apt.txt" in text


@pytest.fixture
def browser_tests(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The set-up of the browser tests on a machine without a browser."""
    spec = importlib.util.spec_from_file_location("browser_set_up", REPOSITORY / "tests" / "browser" / "conftest.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "find_browser", lambda: None)
    return module


def test_a_missing_browser_skips_the_browser_tests(browser_tests: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(browser_tests.NEED_BROWSER, raising=False)
    with pytest.raises(pytest.skip.Exception, match="no Chromium or Chrome"):
        browser_tests.require_browser()


def test_a_missing_browser_fails_them_in_ci(browser_tests: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    assert f"export {browser_tests.NEED_BROWSER}=1" in RUN
    assert workflow()["env"] == {browser_tests.NEED_BROWSER: "1"}
    monkeypatch.setenv(browser_tests.NEED_BROWSER, "1")
    with pytest.raises(pytest.fail.Exception, match="no Chromium or Chrome"):
        browser_tests.require_browser()


def test_a_browser_is_enough(browser_tests: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(browser_tests.NEED_BROWSER, "1")
    monkeypatch.setattr(browser_tests, "find_browser", lambda: "/usr/bin/chromium")
    browser_tests.require_browser()
