"""Stages by their names: a file each, with a class of the same name."""
