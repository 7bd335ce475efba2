"""What was written: a project's `ame.yml`, read once into frozen values."""

from ame.project.executor import Custom, Executor, Mlflow, Pip, Pipenv, Poetry

__all__ = ["Custom", "Executor", "Mlflow", "Pip", "Pipenv", "Poetry"]
