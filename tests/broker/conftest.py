"""A real broker for all tests that need one."""

from collections.abc import Iterator

import pytest

from parts import rabbitmq


@pytest.fixture(scope="session")
def broker_of_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[rabbitmq.RabbitMQ]:
    with rabbitmq.running(tmp_path_factory.mktemp("rabbitmq")) as broker:
        yield broker
