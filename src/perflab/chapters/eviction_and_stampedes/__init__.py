"""What to throw away, and what if everybody misses at once? Labs of notebook 09."""
