"""The labs of notebook 07: response times near saturation, pages of many calls, and what is done with too much load."""
