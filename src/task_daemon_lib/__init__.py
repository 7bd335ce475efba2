"""Flower tasks as child processes that report: the names of the Flower task daemon library.

Importing it, or any of its modules, loads nothing but the standard library and `ame.daemon`.
"""
