"""Notebook 05: what limits throughput, and which strategy lifts it?"""
