"""A record as files: its story as JSON, its samples as CSV."""

from __future__ import annotations

import csv
import itertools
import json
import os
import re
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import numpy as np

from perflab.lab.record import Record

FOLDER = "results"


def save_record(record: Record, folder: Path | None = None) -> tuple[Path, Path]:
    """Write `record` to `results/` here, or in the home folder where this one cannot be written; returns both paths.

    Each file appears whole or not at all. Raises the last OSError when no folder takes them.
    """
    folders = [folder] if folder is not None else [Path.cwd() / FOLDER, Path.home() / "perflab-results"]
    name = re.sub(r"[^\w.-]", "-", f"{record.lab}-{record.started[:23]}")
    failure: OSError | None = None
    for candidate in folders:
        written: list[Path] = []
        try:
            candidate.mkdir(parents=True, exist_ok=True)
            written.append(_write(candidate / f"{name}.json", lambda file: json.dump(story_of(record), file, indent=1)))
            written.append(_write(candidate / f"{name}.csv", lambda file: _write_samples(record, file)))
        except OSError as error:
            failure = error
            for path in written:
                path.unlink(missing_ok=True)
        else:
            return written[0], written[1]
    assert failure is not None
    raise failure


def told_of_saving(record: Record) -> str:
    """Write `record`, and say where; or why not."""
    try:
        return f"Saved {' and '.join(map(str, save_record(record)))}"
    except OSError as error:
        return f"Not saved: {error.strerror or error}. Free some space or change the folder."


def story_of(record: Record) -> dict[str, Any]:
    """All of a record but its samples, as JSON knows it."""
    story = {name: getattr(record, name) for name in ("lab", "seed", "started", "measured_s", "status", "code")}
    return {
        **story,
        "parameters": {name: _plain(value) for name, value in record.parameters.items()},
        "counts": dict(record.frame.counts),
        "facts": {name: _plain(value) for name, value in record.frame.facts.items()},
        "samples": {name: int(column.size) for name, column in record.frame.samples.items()},
        "constants": {name: _plain(value) for name, value in record.constants.items()},
        "environment": dict(record.environment),
        "noise": asdict(record.noise) if record.noise is not None else None,
    }


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _write_samples(record: Record, file: IO[str]) -> None:
    writer = csv.writer(file)
    writer.writerow(record.frame.samples)
    columns = [column.tolist() for column in record.frame.samples.values()]
    writer.writerows(itertools.zip_longest(*columns, fillvalue=""))


def _write(path: Path, fill: Callable[[IO[str]], None]) -> Path:
    handle, half_done = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(handle, "w", newline="", encoding="utf-8") as file:
            fill(file)
        Path(half_done).replace(path)
    except BaseException:
        Path(half_done).unlink(missing_ok=True)
        raise
    return path
