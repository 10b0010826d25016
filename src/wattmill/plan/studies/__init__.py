"""Studies of money and place that a person asks for, each from a factory file and the catalog.

A study takes a factory and a day and answers a frozen record; each number that went in is a `Sourced`.
"""
