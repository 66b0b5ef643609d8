"""Notebook 06: what do you pay in one for the other?"""
