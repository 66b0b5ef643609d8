"""What every prediction and every claim says, once it is settled."""

from __future__ import annotations

from collections.abc import Sequence

from perflab.lab import Outcome, Prediction, Record
from perflab.lab.claims import Claim


def assert_each_comment_fits(prediction: Prediction, outcome: Outcome) -> None:
    """Whatever was chosen, or nothing: the number and its reason are said, and why a wrong choice is wrong."""
    reason = prediction.choices[outcome.choice].reason
    assert reason
    for answer in (None, *prediction.choices):
        comment = prediction.comment(answer, outcome)
        assert reason in comment and outcome.measured in comment
        if answer not in (None, outcome.choice):
            assert prediction.choices[answer].misconception in comment


def assert_judged_both_ways(
    claim: Claim, holding: Sequence[Record], failing: Sequence[Record], decisive: str = "✗"
) -> None:
    """By the one runs it holds, by the others it does not, and by none it is not judged.

    By both, in whatever order, a general claim is refuted; one that something can happen is shown (decisive: "✓").
    """
    both = {"for, against": [*holding, *failing], "against, for": [*failing, *holding]}
    for order, records in {"for": holding, "against": failing, "none": [], **both}.items():
        found = claim.report(records)
        assert found[0] == {"for": "✓", "against": "✗", "none": "·"}.get(order, decisive), f"{order}: {found}"
