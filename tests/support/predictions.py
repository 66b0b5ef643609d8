"""What every prediction says, once it is settled."""

from __future__ import annotations

from perflab.lab import Outcome, Prediction


def assert_each_comment_fits(prediction: Prediction, outcome: Outcome) -> None:
    """Whatever was chosen, or nothing: the number and its reason are said, and why a wrong choice is wrong."""
    reason = prediction.choices[outcome.choice].reason
    assert reason
    for answer in (None, *prediction.choices):
        comment = prediction.comment(answer, outcome)
        assert reason in comment and outcome.measured in comment
        if answer not in (None, outcome.choice):
            assert prediction.choices[answer].misconception in comment
