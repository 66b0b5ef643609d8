"""Caches, and when their entries expire."""
