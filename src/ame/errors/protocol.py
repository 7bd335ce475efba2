"""What peers send and are sent."""

from ame.errors.tree import Invalid


class TensorsMalformed(Invalid):
    """Bytes are not the tensors that they should be."""

    def __init__(self, found: str, at: int) -> None:
        self.found = found
        self.at = at
        super().__init__(f"these bytes are no tensors: {found}, at byte {at}")


class TensorUnfit(Invalid):
    """An array cannot be written as a tensor."""

    def __init__(self, name: str, why: str) -> None:
        self.name = name
        self.why = why
        super().__init__(f"tensor {name} cannot be written: {why}" if name else why)
