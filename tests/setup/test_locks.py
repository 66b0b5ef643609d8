"""Two locks: what a learner gets, and what the tests need on top. Both follow pyproject.toml and agree with each other."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

REPOSITORY = Path(__file__).parents[2]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
LEARNER_LOCK = (REPOSITORY / "requirements.lock").read_text()
TEST_LOCK = (REPOSITORY / "requirements-test.lock").read_text()


def requirements(*lists: list[str]) -> list[Requirement]:
    return [Requirement(text) for texts in lists for text in texts]


BUILD = PROJECT["dependency-groups"]["build"]
LEARNER = requirements(PROJECT["project"]["dependencies"], BUILD)
TEST = requirements(PROJECT["project"]["optional-dependencies"]["test"])


def versions(lock: str) -> dict[str, set[Version]]:
    """Every locked version by package; a package has several where they depend on the Python version."""
    found: dict[str, set[Version]] = {}
    for name, version in re.findall(r"(?m)^([\w.-]+)==([^\s;\\]+)", lock):
        found.setdefault(name, set()).add(Version(version))
    return found


def out_of_range(wanted: list[Requirement], lock: str) -> list[str]:
    """The requirements that a lock lacks, or holds in a version that they do not allow."""
    locked = versions(lock)
    return [
        str(requirement)
        for requirement in wanted
        if not locked.get(requirement.name)
        or not all(requirement.specifier.contains(version) for version in locked[requirement.name])
    ]


def present(unwanted: list[Requirement], lock: str) -> list[str]:
    return sorted({requirement.name for requirement in unwanted} & set(versions(lock)))


def disagreements(learner_lock: str, test_lock: str) -> list[str]:
    """The learner's packages that the tests would not run in the same versions."""
    tested = versions(test_lock)
    return [name for name, found in versions(learner_lock).items() if tested.get(name) != found]


def without_hash(lock: str) -> list[str]:
    entries = re.split(r"(?m)^(?=\S+==)", lock)[1:]
    assert entries
    return [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry]


def test_the_learners_lock_holds_what_the_package_needs_within_its_ranges() -> None:
    assert out_of_range(LEARNER, LEARNER_LOCK) == []


def test_the_lock_for_tests_holds_everything_within_its_ranges() -> None:
    assert out_of_range(LEARNER + TEST, TEST_LOCK) == []


def test_the_learners_lock_holds_no_package_that_only_tests_need() -> None:
    assert present(TEST, LEARNER_LOCK) == []


def test_tests_run_on_the_versions_that_a_learner_gets() -> None:
    assert disagreements(LEARNER_LOCK, TEST_LOCK) == []


@pytest.mark.parametrize("lock", [LEARNER_LOCK, TEST_LOCK], ids=["learner", "test"])
def test_every_locked_package_has_a_hash_and_no_address_is_named(lock: str) -> None:
    assert without_hash(lock) == []
    assert "://" not in lock


LOCK = """numpy==2.4.6 \\
    --hash=sha256:00
soupsieve==2.10 ; python_full_version < '3.11.5' \\
    --hash=sha256:01
soupsieve==4.1.2 ; python_full_version >= '3.11.5' \\
    --hash=sha256:02
    # via beautifulsoup4
"""


def test_versions_are_read_with_their_forks() -> None:
    assert versions(LOCK) == {"numpy": {Version("2.4.6")}, "soupsieve": {Version("2.10"), Version("4.1.2")}}


@pytest.mark.parametrize("wanted", ["scipy>=1", "numpy>=3", "soupsieve>=3"])
def test_a_requirement_that_a_lock_does_not_meet_is_found(wanted: str) -> None:
    assert out_of_range(requirements(["numpy>=2,<3", wanted]), LOCK) == [wanted]


def test_a_test_package_in_the_learners_lock_is_found() -> None:
    assert present(requirements(["numpy>=2", "pytest>=8"]), LOCK) == ["numpy"]
    assert present(TEST, TEST_LOCK) == sorted(requirement.name for requirement in TEST)


@pytest.mark.parametrize(
    ("changed", "package"),
    [
        (LOCK.replace("numpy==2.4.6", "numpy==2.4.7"), "numpy"),
        (LOCK.replace("numpy==", "scipy=="), "numpy"),
        (LOCK.replace("soupsieve==2.10", "soupsieve==2.9"), "soupsieve"),
    ],
)
def test_another_version_in_the_lock_for_tests_is_found(changed: str, package: str) -> None:
    assert disagreements(LOCK, changed) == [package]
    assert disagreements(LOCK, LOCK + "pytest==9.2.0 \\\n    --hash=sha256:03\n") == []


def test_a_package_without_a_hash_is_found() -> None:
    assert without_hash(LOCK.replace("    --hash=sha256:00\n", "")) == ["numpy==2.4.6"]
