"""Containers, their images and their engines."""

from collections.abc import Mapping

from ame.errors.tree import Failed, Invalid, NotFound, Unavailable


class ContainerEngineMissing(Unavailable):
    """A task names an image, and no container engine answers."""

    def __init__(self, tried: Mapping[str, str]) -> None:
        self.tried = tried
        """Why each would not do; empty for one that is not installed."""
        silent = [f"{name} does not answer: {why}" for name, why in tried.items() if why]
        absent = [name for name, why in tried.items() if not why]
        if absent:
            silent.append(f"{' and '.join(absent)} {'are' if len(absent) > 1 else 'is'} not here")
        remedy = (
            "start it, or say with DOCKER_HOST where it is"
            if any(tried.values())
            else ("install Docker or Podman (Debian, Ubuntu: `apt install podman`)")
        )
        super().__init__(f"an image needs a container engine: {'; '.join(silent)}; {remedy}")


class ContainerEngineSilent(Unavailable):
    """A container engine gave no answer, or refused what it was asked."""

    def __init__(self, program: str, said: str) -> None:
        self.program = program
        self.said = said
        super().__init__(f"the container engine behind `{program}` failed: {said}")


class ImageMissing(NotFound):
    """There is no such image."""

    def __init__(self, image: str, fetched: bool) -> None:
        self.image = image
        self.fetched = fetched
        """Whether it was asked for where the engine fetches images."""
        super().__init__(
            f"image `{image}` is not on this machine and could not be fetched; the log says why"
            if fetched
            else f"image `{image}` is not on this machine, and the settings forbid to fetch it; "
            "build it, or fetch it with `docker pull` or `podman pull`"
        )


class ContainerFailed(Failed):
    """The container engine could not start a command."""

    def __init__(self, image: str, why: str) -> None:
        self.image = image
        self.why = why
        super().__init__(
            f"no command could be started in image `{image}`: {why}; its log holds the words of "
            "the engine"
        )


class VariableUnfit(Invalid):
    """The name of an environment variable is none that a shell takes."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(
            f"variable `{name}` cannot be set in a container; use letters, digits and `_` only"
        )
