"""Notebook 11: processes, threads or an event loop?"""
