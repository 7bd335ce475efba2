"""The command `ame`: one file a command, each imported when it is called."""

from ame.cli.main import main

__all__ = ["main"]
