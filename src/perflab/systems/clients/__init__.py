"""Clients of these servers: one that takes a request apart, many at once, and a load balancer."""
