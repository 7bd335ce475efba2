"""Making plans of models: what is wrong with a configuration, a model, or the way to a server."""

from ame.errors.tree import Invalid, Unsupported


class ConfigUnread(Invalid):
    """A TaskConfig is not what its form asks for."""

    def __init__(self, place: str, line: int, column: int, why: str) -> None:
        """`line` and `column` are from 1; 0 where the fault is of no one line."""
        self.place = place
        self.line = line
        self.column = column
        self.why = why
        at = f"{place}:{line}:{column}" if line else place
        super().__init__(f"Cannot load task config from {at}: {why}")


class ConfigInvalid(Invalid):
    """A TaskConfig says something that cannot be meant."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        self.faults = faults
        super().__init__("\n".join(faults))


class NoiseUnfit(Invalid):
    """A clipping norm cannot be adapted with so much noise."""

    def __init__(self, noise: float, goal: int) -> None:
        self.noise = noise
        self.goal = goal
        super().__init__(
            f"A noise multiplier of {noise:g} is too much to adapt the clipping norm in rounds of "
            f"{goal} contributions: it must be less than a tenth of `report_goal`. Raise "
            "`report_goal`, or use FIXED_GAUSSIAN or TREE_AGGREGATION."
        )


class ModelInvalid(Invalid):
    """What was to be a model cannot be made a plan of."""

    def __init__(self, place: str, why: str) -> None:
        self.place = place
        self.why = why
        super().__init__(f"Cannot load a model from {place}: {why}")


class OpsUnsupported(Unsupported):
    """A client's graph has operations that devices do not have."""

    def __init__(self, ops: tuple[str, ...]) -> None:
        self.ops = ops
        super().__init__(
            f"Cannot build the ClientOnlyPlan: devices do not have {', '.join(ops)}. "
            "Take them out of the model, or skip this check for devices that have them"
        )


class GraphRefused(Unsupported):
    """A client's graph cannot be converted for devices."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"Cannot build the ClientOnlyPlan: it cannot be converted: {why}")
