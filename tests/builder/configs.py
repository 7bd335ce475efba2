"""A TaskConfig that is valid, and what tests change in it."""

from typing import Any

from google.protobuf import text_format

from ame.protocol.pb import _pool
from ame.protocol.pb import task_builder as pb

VALID = """
mode: TRAINING_AND_EVAL
population_name: "digits"
policies {
  data_availability_policy { min_example_count: 1 }
  model_release_policy { num_max_training_rounds: 1000 }
}
federated_learning {
  learning_process {
    client_learning_rate: 0.1
    server_learning_rate: 1.0
    runtime_config { report_goal: 2 }
  }
  evaluation {
    source_training_task_id: 1
    checkpoint_selector: "every_1_round"
    evaluation_traffic: 0.2
    report_goal: 2
  }
}
differential_privacy { clip_norm: 0.1 }
"""


def made(**changes: Any) -> pb.TaskConfig:
    """A TaskConfig; `changes` give a field by its path, with `__` between its parts."""
    config = text_format.Parse(VALID, pb.TaskConfig(), descriptor_pool=_pool.POOL)
    for path, value in changes.items():
        *way, last = path.split("__")
        within: Any = config
        for part in way:
            within = getattr(within, part)
        setattr(within, last, value)
    return config
