"""Everyday operations, each made ready to be measured alone."""
