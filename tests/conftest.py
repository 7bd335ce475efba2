"""What holds for all tests."""


def pytest_make_parametrize_id(val: object) -> str | None:
    """Bytes are named by their number: what is in them may differ from worker to worker."""
    return f"{len(val)} bytes" if isinstance(val, bytes) else None
