"""Python environments, and what they are made from."""

from collections.abc import Sequence

from ame.errors.tree import Failed, Invalid, Unavailable, Unsupported


class PythonVersionInvalid(Invalid):
    """What was given as a Python version is none."""

    def __init__(self, version: str) -> None:
        self.version = version
        super().__init__(f"`{version}` is not a Python version: write `3.11`, `3.11.7` or `>=3.11`")


class PythonMissing(Unavailable):
    """No interpreter of the version that was asked for, and none may be or could be fetched."""

    def __init__(self, version: str, found: Sequence[str], why: str) -> None:
        self.version = version
        self.found = tuple(found)
        self.why = why
        there = ", ".join(self.found) or "none"
        install = f"`uv python install {version}` or `pyenv install {version}`"
        if not version[:1].isdigit():
            install = f"`uv python install '{version}'`"
        super().__init__(
            f"Python {version} is not on this machine and {why}; found: {there}. "
            f"Install it ({install}) or ask for one of those"
        )


class DependenciesInvalid(Invalid):
    """A file that says what to install is missing, wrong or out of date."""

    def __init__(self, file: str, fault: str, remedy: str) -> None:
        self.file = file
        self.fault = fault
        self.remedy = remedy
        super().__init__(f"{file}: {fault}; {remedy}")


class DependencyUnsupported(Unsupported):
    """A file asks for something that `ame` does not install."""

    def __init__(self, file: str, dependency: str, remedy: str) -> None:
        self.file = file
        self.dependency = dependency
        self.remedy = remedy
        super().__init__(f"{file}: {dependency} is not supported; {remedy}")


class EnvironmentFailed(Failed):
    """An environment could not be made."""

    def __init__(self, tool: str, code: int, lines: Sequence[str]) -> None:
        self.tool = tool
        self.code = code
        self.lines = tuple(lines)
        """The last ones that the tool printed; the log of the step has them all."""
        super().__init__(
            f"the environment could not be made: {tool} exited with {code}, see the log"
        )


class CommandInvalid(Invalid):
    """A command that is one process cannot be split into words."""

    def __init__(self, command: str, fault: str) -> None:
        self.command = command
        self.fault = fault
        super().__init__(f"the command `{command}` cannot be run: {fault}")
