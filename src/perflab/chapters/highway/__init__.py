"""Notebook 01: is a fast car the same as a fast road?"""
