"""What the maths predicts: pure functions, no clock, no input or output."""
