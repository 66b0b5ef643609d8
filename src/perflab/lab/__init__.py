"""What the learner touches: controls, chart, worker, verdict."""
