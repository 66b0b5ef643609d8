"""What the system tells of its caches."""

from __future__ import annotations

from pathlib import Path

import pytest

from perflab.measure.caches import TYPICAL_PRIVATE, private_cache_bytes


def written(folder: Path, level: str, size: str) -> Path:
    for number, (its_level, its_size) in enumerate([("1", "32K"), (level, size), ("3", "32768K")]):
        index = folder / f"index{number}"
        index.mkdir()
        (index / "level").write_text(f"{its_level}\n")
        (index / "size").write_text(f"{its_size}\n")
    return folder


@pytest.mark.parametrize(("size", "expected"), [("512K", 524_288), ("2M", 2_097_152), ("524288", 524_288)])
def test_the_second_level_is_read_in_its_unit(tmp_path: Path, size: str, expected: int) -> None:
    assert private_cache_bytes(written(tmp_path, "2", size)) == (expected, True)


@pytest.mark.parametrize("size", ["", "big", "K"])
def test_what_is_not_told_is_typical_and_marked_so(tmp_path: Path, size: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    assert private_cache_bytes(written(tmp_path, "2", size)) == (TYPICAL_PRIVATE, False)
    assert private_cache_bytes(tmp_path / "nowhere") == (TYPICAL_PRIVATE, False)


def test_this_machine_has_one_of_a_plausible_size() -> None:
    assert 50_000 < private_cache_bytes()[0] < 1e9
