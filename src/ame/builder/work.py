"""From what a person or a program asks for to artifacts: read, checked, made."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ame import errors
from ame.builder import config, group, making, rules

if TYPE_CHECKING:
    import threading

    from ame.builder.config import Settings
    from ame.builder.making import Made
    from ame.builder.places import Files
    from ame.protocol.pb import task_builder as pb

GAP: Final = "{storage_path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What is not as a configuration says."""

    population: str = ""
    batch_size: int = 0
    max_batches: int = 0
    selector: str = ""
    """Of both tasks' examples."""
    storage: str = ""
    """What stands for `{storage_path}` in addresses of artifacts."""

    def made(self, said: pb.TaskConfig) -> pb.TaskConfig:
        """The configuration with them; changes it."""
        learning, looks = (
            said.federated_learning.learning_process,
            said.federated_learning.evaluation,
        )
        if self.population:
            said.population_name = self.population
        if self.batch_size:
            said.policies.dataset_policy.batch_size = self.batch_size
        if self.max_batches:
            said.policies.dataset_policy.max_training_batches_per_client = self.max_batches
        if self.selector:
            learning.runtime_config.example_selector_uri = self.selector
            looks.example_selector_uri = self.selector
        if self.storage:
            for places in (learning.artifact_building, looks.artifact_building):
                for name in places.DESCRIPTOR.fields_by_name:
                    filled = getattr(places, name).replace(GAP, self.storage.rstrip("/"))
                    setattr(places, name, filled)
        return said


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A build."""

    model: str = ""
    """Where the model is."""
    packed: bytes | None = None
    """The model itself, as it came in a message: see `making.pack`."""
    config: pb.TaskConfig
    flags: pb.ExperimentFlags
    artifacts_only: bool = False
    graph: bool = False
    """The client's graph goes beside the flatbuffer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What came of it."""

    settings: Settings
    made: Made
    group: pb.TaskGroup
    """The tasks as a server is to be asked for them; or the addresses of their artifacts."""


def read(place: str, files: Files, changes: Changes) -> pb.TaskConfig:
    """The configuration at a place.

    Raises:
        errors.ConfigUnread: it is none.
        errors.PlaceMissing, errors.PlaceDenied, errors.PlaceUnusable: it cannot be read.
    """
    content = files.read(place, "load task config from")
    return changes.made(config.read(content, place))


def build(asked: Asked, files: Files, *, ending: threading.Event | None = None) -> Built:
    """Makes artifacts, once all that can be known to be wrong is refused; gives up at `ending`.

    Raises:
        errors.ConfigInvalid: the configuration says what cannot be meant.
        errors.PlacesInvalid: artifacts only are asked for, and it does not say where they go.
        errors.PlaceMissing, errors.PlaceDenied, errors.PlaceUnusable: the model cannot be read.
        errors.Error: as `making.make` does.
    """
    flags = asked.flags
    settings = rules.settled(
        asked.config, skip_privacy=flags.skip_dp_aggregator, skip_accounting=flags.skip_dp_check
    )
    places = group.places(settings) if asked.artifacts_only else None
    options = making.Options(
        skip_privacy=flags.skip_dp_aggregator, skip_ops=flags.skip_flex_ops_check, graph=asked.graph
    )
    with tempfile.TemporaryDirectory(prefix="ame-model-") as scratch:
        if asked.packed is None:
            model = files.fetched(asked.model, Path(scratch), "load TFF functional model from")
        else:
            model = Path(scratch) / making.PACKED
            model.write_bytes(asked.packed)
        try:
            made = making.make(model, asked.config, settings, options, ending=ending)
        except errors.ModelInvalid as error:  # it knows the copy alone
            raise errors.ModelInvalid(asked.model or "the request", error.why) from None
        name = group.correlation(asked.config, flags, model)
    tasks = places or group.described(settings, made, name)
    return Built(settings=settings, made=made, group=tasks)
