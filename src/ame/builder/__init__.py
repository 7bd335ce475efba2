"""A model and a TaskConfig are made into a plan, a client plan, a checkpoint and a task.

`config` reads a TaskConfig and makes `Settings` of it, `rules` refuses what cannot be, `privacy`
calibrates noise, `tasks` and `report` make what is said of the build.
"""
