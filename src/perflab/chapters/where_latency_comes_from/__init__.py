"""Notebook 03: where did the time go?"""
