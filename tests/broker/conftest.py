"""A real broker for all tests that need one, and one in memory."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from ame.broker.queues import memory
from broker.places import Place
from parts.servers import rabbitmq


@pytest.fixture(scope="session")
def broker_of_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[rabbitmq.RabbitMQ]:
    with rabbitmq.running(tmp_path_factory.mktemp("rabbitmq")) as broker:
        yield broker


@pytest.fixture(params=["memory", "rabbitmq"])
def place(request: pytest.FixtureRequest) -> Place:
    if request.param == "memory":
        name = uuid4().hex
        return Place(address=f"memory://{name}", restart=memory.named(name).restart)
    real: rabbitmq.RabbitMQ = request.getfixturevalue("broker_of_all")
    return Place(address=real.address, restart=real.restart)
