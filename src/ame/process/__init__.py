"""A child process and its tree: started, captured, limited, identified, ended."""

from ame.process.command import Cause, Command, Exit, Limits

__all__ = ["Cause", "Command", "Exit", "Limits"]
