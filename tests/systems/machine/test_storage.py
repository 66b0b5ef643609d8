"""Reads and writes of real files."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from perflab.systems.machine import storage
from perflab.systems.machine.storage import BLOCK, disk_caveat, disk_read, page_cache_read, sqlite_commit, synced_write

Ready = Callable[[], AbstractContextManager[Callable[[], object]]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """For temporary files of this test alone: others make and remove theirs at the same time."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("ready", [page_cache_read, disk_read])
def test_a_read_brings_a_whole_block_and_the_file_goes_away(ready: Ready, folder: Path) -> None:
    with ready() as read:
        brought = read()
        assert (brought if isinstance(brought, int) else len(brought)) == BLOCK  # type: ignore[arg-type]
    assert list(folder.iterdir()) == []


def test_without_a_way_past_the_cache_it_still_reads_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "_direct_reader", lambda path: None)
    with disk_read() as read:
        assert len(read()) == BLOCK  # type: ignore[arg-type]
    monkeypatch.setattr(storage, "file_system_of", lambda folder: "overlay")
    assert "page cache" in str(disk_caveat())


def test_a_file_system_in_memory_is_called_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "file_system_of", lambda folder: "tmpfs")
    assert "a file system in memory; no disk is read or written" in str(disk_caveat())


def test_a_system_that_does_not_tell_is_not_taken_for_one_with_a_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "file_system_of", lambda _: "unknown")
    assert "does not tell" in str(disk_caveat())


@pytest.mark.parametrize("blocks", [1, 256])
def test_a_synced_write_overwrites_and_waits_for_the_drive(
    blocks: int, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(storage, "sync_file", lambda descriptor: synced.append(os.fstat(descriptor).st_size))
    with synced_write(blocks) as write:
        made = len(synced)
        for _ in range(storage.FILE_BYTES // BLOCK // 8):
            write()
    assert set(synced[made:]) == {storage.FILE_BYTES}, "the file does not grow"
    assert list(folder.iterdir()) == []


def test_a_commit_keeps_the_row(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    opened: list[Path] = []
    connect = storage.sqlite3.connect
    monkeypatch.setattr(
        storage.sqlite3, "connect", lambda path, **options: (opened.append(path), connect(path, **options))[1]
    )
    with sqlite_commit() as commit:
        for _ in range(3):
            commit()
        other = connect(opened[0])
        assert other.execute("select count(*) from orders").fetchone() == (3,)
        assert other.execute("pragma synchronous").fetchone() == (2,)
        other.close()
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "rotational", "cpu", "known"),
    [
        ("nvme0n1", "0", "flags: fpu", True),
        ("sda", "1", "flags: fpu", False),
        ("sda", "0", "flags: fpu hypervisor", False),
        ("vda", "0", "flags: fpu", False),
        ("sda", None, "flags: fpu", False),
    ],
)
def test_only_a_drive_that_is_told_to_be_an_ssd_is_called_one(
    tmp_path: Path, name: str, rotational: str | None, cpu: str, known: bool
) -> None:
    part = tmp_path / "devices" / name / f"{name}1"
    part.mkdir(parents=True)
    if rotational is not None:
        (part.parent / "queue").mkdir()
        (part.parent / "queue" / "rotational").write_text(f"{rotational}\n")
    cpus, device = tmp_path / "cpuinfo", tmp_path.stat().st_dev
    cpus.write_text(cpu)
    (tmp_path / f"{os.major(device)}:{os.minor(device)}").symlink_to(part)
    assert storage.is_ssd(tmp_path, tmp_path, cpus) == known
    assert not storage.is_ssd(tmp_path, tmp_path / "none", cpus)
