"""An exception as it is told to the person at the slider."""

from __future__ import annotations

import traceback

from perflab.measure.guards import BadInput
from perflab.measure.shortage import shortage_in, shortage_of


def told_of(error: BaseException) -> tuple[str, str, str]:
    """The message, the traceback, and what is to blame: the "input", the "machine" that has no more of something, or the
    "experiment".
    """
    trace = "".join(traceback.format_exception(error))
    if isinstance(error, BadInput):
        return str(error), trace, "input"
    if words := shortage_of(error):
        return words, trace, "machine"
    # What else the error holds, such as the end of a server's log, stands in the traceback.
    return f"{type(error).__name__}: {error}".partition("\n")[0], trace, "experiment"


def why_in(log: str) -> str:
    """Why a process has ended, as one sentence: what it lacked, or what it said last, where Python puts the exception."""
    last = log.strip().rpartition("\n")[2].strip().rstrip(".") or "it left no word in its log"
    return shortage_in(log) or f"{last}."


def told_of_failure(message: str, blame: str) -> str:
    """What the lab says of what an experiment raised: its own doing is a failed run, the rest speaks for itself."""
    return f"This run failed. {message.rstrip('. ')}." if blame == "experiment" else message


def told_of_loss(how: str, log: str) -> str:
    """What the lab says when its worker has died or hung (`how`), and another one is in its place."""
    return f"The measuring process {how} and was replaced. {shortage_in(log) or ''}".strip()
