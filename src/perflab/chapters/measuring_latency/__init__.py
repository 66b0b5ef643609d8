"""Notebook 02: what is the latency of one operation?"""
