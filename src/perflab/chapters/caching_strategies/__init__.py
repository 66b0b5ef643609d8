"""The labs of notebook 08: what a cache does to reads and writes, to the store behind it, to a crash, and to the truth."""
