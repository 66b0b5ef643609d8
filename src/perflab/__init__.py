"""Latency vs Throughput: a hands-on lab."""
