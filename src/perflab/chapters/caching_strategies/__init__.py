"""The labs of notebook 08: ways to write through a cache, what a crash loses, and when a cache serves what is no longer true."""
