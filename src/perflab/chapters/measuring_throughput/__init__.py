"""Notebook 04: how much gets through, and what does one more worker add?"""
