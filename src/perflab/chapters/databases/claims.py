"""The claims of notebook 10, each judged by what this machine has measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from perflab.chapters.databases import connections_model, profile_claims, rows_or_columns_model, winners
from perflab.chapters.databases.lost_updates_model import LOSES
from perflab.chapters.databases.rows_or_columns_model import BY_COLUMN
from perflab.lab import Record, pairs
from perflab.lab.claims import Claim, in_every_run, report_claims, unless_refuted
from perflab.lab.verdict import ratio_text
from perflab.systems.databases.order_work import WORKS
from perflab.systems.servers.query_kinds import COMMITS, COMPUTES

Found = tuple[bool, str] | None
MIN_CONNECTIONS = 8


def takeaways() -> None:
    """Print the claims of this notebook with the verdicts of this machine."""
    report_claims(CLAIMS)


def _columns_are_faster(record: Record) -> Found:
    """What is read decides: beyond the crossing that the model expects, a column store that is ahead says nothing of the rest."""
    found, chosen = rows_or_columns_model.winner(record), record.parameters
    if found is None or not found[0]:
        return None
    is_ahead = found[0] == BY_COLUMN
    if is_ahead and chosen["rows"] > rows_or_columns_model.crossing_at(record.constants, chosen["columns"]):
        return None
    return is_ahead, f"{rows_or_columns_model.asked(chosen)}: {rows_or_columns_model.won(record)}."


def _advice_is_right(records: Sequence[Record]) -> Found:
    """One work for which it is wrong refutes it; it holds only when it was right for all of them."""
    known = [(run, winners.worth(run)) for run in reversed(records) if winners.against_best(run)]
    if wrong := next((run for run, worth in known if worth == "wrong"), None):
        work = wrong.parameters["work"]
        said = f"for the work “{work}” it names {winners.advised(work)}, and the fastest is {winners.fastest(wrong)}."
        return False, said
    if {*WORKS} != {run.parameters["work"] for run, worth in known if worth != "too few rounds"}:
        return None
    return True, "the advised profile is among the fastest for each of the four kinds of work."


def _reports_gain_more(records: Sequence[Record]) -> Iterator[Found]:
    for one, other in pairs(records, "kind"):
        runs = {run.parameters["kind"]: run for run in (one, other)}
        if {*runs} == {COMPUTES, COMMITS} and one.parameters["connections"] >= MIN_CONNECTIONS:
            ratio = connections_model.more_gained(runs[COMMITS], runs[COMPUTES])
            if ratio is not None and ratio.has_interval and not ratio.low <= 1 <= ratio.high:
                told = f"with {one.parameters['connections']} connections, commits gained {ratio_text(ratio)} what reports did."
                yield ratio.high < 1, told


CLAIMS = (
    Claim("A column store is faster than a row store.", "rows_or_columns", in_every_run(_columns_are_faster)),
    Claim(
        "Simple queries of many users: OLTP settings. Complex ones that read: OLAP. All else: balanced.",
        "profiles",
        _advice_is_right,
    ),
    Claim("Few connections for transactions, many for reports.", "connections", unless_refuted(_reports_gain_more)),
    Claim(
        "Where each statement is safe and none fails, nothing is lost.",
        "lost_updates",
        profile_claims.nothing_is_lost(LOSES),
    ),
    *profile_claims.CLAIMS,
)
