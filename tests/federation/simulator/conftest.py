import pytest

from parts import simulated


@pytest.fixture(autouse=True)
def _others_run_as_well() -> None:
    simulated.begin()
