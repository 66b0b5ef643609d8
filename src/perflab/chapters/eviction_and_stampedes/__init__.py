"""The labs of notebook 09: what a full cache should evict, and what happens when a popular entry expires."""
