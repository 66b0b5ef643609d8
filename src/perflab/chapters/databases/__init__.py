"""Notebook 10: one database, three profiles: which wins for which work?"""
