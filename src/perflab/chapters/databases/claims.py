"""The claims of notebook 10, each judged by what this machine has measured."""

from __future__ import annotations

from collections.abc import Sequence

from perflab.chapters.databases import connections_model, lost_updates_model, rows_or_columns_model, winners
from perflab.chapters.databases.rows_or_columns_model import BY_COLUMN
from perflab.lab import Record, one_run, pairs
from perflab.lab.claims import Claim, report_claims
from perflab.lab.verdict import ratio_text
from perflab.measure import count, percent
from perflab.systems.databases.order_work import WORKS
from perflab.systems.servers.query_kinds import COMMITS, COMPUTES

Found = tuple[bool, str] | None
FEWEST, MIN_CONNECTIONS = 100, 8


def takeaways() -> None:
    """Print the claims of this notebook with the verdicts of this machine."""
    report_claims(CLAIMS)


def _columns_are_faster(record: Record) -> Found:
    found = rows_or_columns_model.winner(record)
    if found is None or not found[0]:
        return None
    told = f"{rows_or_columns_model.asked(record.parameters)}: {rows_or_columns_model.won(record)}."
    return found[0] == BY_COLUMN, told


def _advice_is_right(records: Sequence[Record]) -> Found:
    """One work for which it is wrong refutes it; it holds only when it was right for all of them."""
    known = {work: winners.worth(run) for work, run in winners.newest(records).items()}
    wrong = next((work for work, worth in known.items() if worth == "wrong"), None)
    if wrong is not None:
        best = winners.fastest(winners.newest(records)[wrong])
        return False, f"for the work “{wrong}” it names {winners.advised(wrong)}, and the fastest is {best}."
    if {*WORKS} != {work for work, worth in known.items() if worth != "too few rounds"}:
        return None
    return True, "the advised profile is among the fastest for each of the four kinds of work."


def _reports_gain_more(records: Sequence[Record]) -> Found:
    for one, other in pairs(records, "kind"):
        runs = {run.parameters["kind"]: run for run in (one, other)}
        if {*runs} == {COMPUTES, COMMITS} and one.parameters["connections"] >= MIN_CONNECTIONS:
            ratio = connections_model.more_gained(runs[COMMITS], runs[COMPUTES])
            if ratio is not None and ratio.has_interval and not ratio.low <= 1 <= ratio.high:
                told = f"with {one.parameters['connections']} connections, commits gained {ratio_text(ratio)} what reports did."
                return ratio.high < 1, told
    return None


def _nothing_is_lost(record: Record) -> Found:
    """Of ways that read and write by two statements."""
    if record.parameters["way"] not in lost_updates_model.LOSES or record.parameters["clients"] < 2:
        return None
    if record.calls < FEWEST:
        return None
    told = f"of {count(record.calls)} acknowledged increments {percent(lost_updates_model.lost(record))} were lost."
    return not record.count("lost"), told


CLAIMS = (
    Claim("A column store is faster than a row store.", "rows_or_columns", one_run(_columns_are_faster)),
    Claim(
        "Simple queries of many users: OLTP settings. Complex ones that read: OLAP. All else: balanced.",
        "profiles",
        _advice_is_right,
    ),
    Claim("Few connections for transactions, many for reports.", "connections", _reports_gain_more),
    Claim("Where each statement is safe and none fails, nothing is lost.", "lost_updates", one_run(_nothing_is_lost)),
)
