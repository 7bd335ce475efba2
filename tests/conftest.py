"""What holds for all tests."""

import signal

from hypothesis import HealthCheck, settings

settings.register_profile("ame", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ame")  # how quick an example is says how busy the machine is


def pytest_configure() -> None:
    """Ctrl-C reaches programs that tests start, also where the tests run in the background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_make_parametrize_id(val: object) -> str | None:
    """Bytes are named by their number: what is in them may differ from worker to worker."""
    return f"{len(val)} bytes" if isinstance(val, bytes) else None
