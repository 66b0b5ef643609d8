"""A record as two files of one name, `<chapter>.<lab>-<when it was measured>`, and back.

`.json`, valid everywhere: "lab", "chapter", "parameters", "seed", "started", "measured_s", "status", "counts", "facts",
"constants" of the calibration, "noise" (the ledger; null: unknown), "environment", "code"; "turns" and "sizes" of runs that
were measured in turns; "columns", of each how many "samples" and of which "type"; "histograms" of the columns in ns, `{middle
of a bucket: how many}` with three digits kept, which are merged by adding. Numbers that JSON does not know are the texts
"NaN", "Infinity" and "-Infinity".

`.csv`: one column per kind of sample, its name above it, in the order of measuring; short columns end in empty cells.
"""

from __future__ import annotations

import csv
import itertools
import json
import math
import os
import re
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from perflab.lab.record import Record
from perflab.measure.frame import Frame
from perflab.measure.histogram import HIGHEST, Histogram
from perflab.measure.noise import NoiseLedger

PLAIN = ("lab", "chapter", "seed", "started", "measured_s", "status", "code", "turns")
NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def save_record(record: Record, folder: Path | None = None) -> tuple[Path, Path]:
    """Write `record` to `results/` here, or where that cannot be to the home or temporary folder; returns both paths.

    Each file appears whole or not at all, readable for whom the umask allows. Raises the last OSError when no folder takes them.
    """
    name = re.sub(r"[^\w.-]", "-", ".".join(filter(None, (record.chapter, f"{record.lab}-{record.started[:23]}"))))
    failure: OSError | None = None
    for candidate in _folders() if folder is None else [folder]:
        written: list[Path] = []
        try:
            candidate.mkdir(parents=True, exist_ok=True)
            written.append(_write(candidate / f"{name}.json", lambda file: _write_story(record, file)))
            written.append(_write(candidate / f"{name}.csv", lambda file: _write_samples(record, file)))
        except OSError as error:
            failure = error
            for path in written:
                path.unlink(missing_ok=True)
        else:
            return written[0], written[1]
    assert failure is not None
    raise failure


def load_record(path: str | Path) -> Record:
    """The record that `save_record` wrote; `path` is that of either file, and the other one stands beside it.

    Raises OSError where one is missing, ValueError where they are not a record, or not whole.
    """
    story_path, samples_path = (Path(path).with_suffix(suffix) for suffix in (".json", ".csv"))
    try:
        story = json.loads(story_path.read_text(encoding="utf-8"))
        types = {name: (about["samples"], np.dtype(about["type"])) for name, about in story["columns"].items()}
        with samples_path.open(newline="", encoding="utf-8") as file:
            samples = dict(_columns(csv.reader(file), types))
        frame = Frame(samples, story["counts"], _numbers(story["facts"]))
        return Record(
            frame=frame,
            parameters=_numbers(story["parameters"]),
            constants=_numbers(story["constants"]),
            noise=_ledger(story["noise"]),
            environment=story["environment"],
            sizes={name: tuple(sizes) for name, sizes in story["sizes"].items()},
            **_numbers({name: story[name] for name in PLAIN}),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{story_path} and {samples_path.name} are not a whole record of a lab: {error}") from None


def told_of_saving(records: Sequence[Record]) -> tuple[str, str]:
    """Write the last of these runs; the sentence that says so, or why not, and the paths in full."""
    if not records:
        return "Nothing to save yet: run the lab first.", ""
    try:
        paths = save_record(records[-1])
    except OSError as error:
        return f"Not saved: {error.strerror or error}. Free some space or change the folder.", ""
    return f"Saved in {paths[0].parent.name}; both paths are below.", "\n".join(map(str, paths))


def story_of(record: Record) -> dict[str, Any]:
    """All of a record but its samples, as JSON knows it."""
    samples = record.frame.samples
    return {
        **{name: _plain(getattr(record, name)) for name in PLAIN},
        "parameters": {name: _plain(value) for name, value in record.parameters.items()},
        "counts": {name: _plain(value) for name, value in record.frame.counts.items()},
        "facts": {name: _plain(value) for name, value in record.frame.facts.items()},
        "columns": {name: {"samples": int(column.size), "type": column.dtype.str} for name, column in samples.items()},
        "constants": {name: _plain(value) for name, value in record.constants.items()},
        "histograms": {name: counts for name, column in samples.items() if (counts := _histogram(name, column))},
        "sizes": {name: list(map(int, sizes)) for name, sizes in record.sizes.items()},
        "environment": {name: _plain(value) for name, value in record.environment.items()},
        "noise": {name: _plain(value) for name, value in asdict(record.noise).items()} if record.noise else None,
    }


def _folders() -> Iterator[Path]:
    for find, name in ((Path.cwd, "results"), (Path.home, "perflab-results")):
        try:
            yield find() / name
        except (OSError, RuntimeError):  # the folder is gone; this user has no home
            continue
    yield Path(tempfile.gettempdir()) / f"perflab-results-{os.getuid() if hasattr(os, 'getuid') else 'user'}"


def _plain(value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float) and not math.isfinite(value):
        return next(
            name for name, number in NOT_FINITE.items() if number == value or (name == "NaN" and math.isnan(value))
        )
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _numbers(values: dict[str, Any]) -> dict[str, Any]:
    return {name: NOT_FINITE.get(value, value) if isinstance(value, str) else value for name, value in values.items()}


def _ledger(noise: dict[str, Any] | None) -> NoiseLedger | None:
    if noise is None:
        return None
    known = {field.name for field in fields(NoiseLedger)}
    return NoiseLedger(**_numbers({name: value for name, value in noise.items() if name in known}))


def _histogram(name: str, column: NDArray[Any]) -> dict[str, int]:
    if not name.endswith("_ns") or column.dtype.kind not in "iuf":
        return {}
    whole = column[np.isfinite(column)] if column.dtype.kind == "f" else column
    histogram = Histogram()
    histogram.record(whole[(whole >= 0) & (whole <= HIGHEST)])
    middles, counts = np.unique(histogram.values(), return_counts=True)
    return dict(zip(map(str, middles.tolist()), counts.tolist(), strict=True))


def _write_story(record: Record, file: IO[str]) -> None:
    json.dump(story_of(record), file, indent=1, allow_nan=False)


def _write_samples(record: Record, file: IO[str]) -> None:
    writer = csv.writer(file)
    writer.writerow(record.frame.samples)
    columns = [column.tolist() for column in record.frame.samples.values()]
    writer.writerows(itertools.zip_longest(*columns, fillvalue=""))


def _columns(rows: Any, types: dict[str, tuple[int, np.dtype[Any]]]) -> Iterator[tuple[str, NDArray[Any]]]:
    names: list[str] = next(rows, [])
    found = dict(zip(names, zip(*rows, strict=True), strict=False))
    for name, (size, kind) in types.items():
        texts = found.get(name, ())[:size]
        if len(texts) < size:
            raise ValueError(f"{name} has {len(texts):,} of {size:,} samples")
        yield name, np.array([text == "True" for text in texts] if kind.kind == "b" else texts).astype(kind)


def _write(path: Path, fill: Callable[[IO[str]], None]) -> Path:
    half_done = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
    try:
        with half_done.open("x", newline="", encoding="utf-8") as file:
            fill(file)
        half_done.replace(path)
    except BaseException:
        half_done.unlink(missing_ok=True)
        raise
    return path
