import os
import sys

sys.path.append(os.path.abspath(os.path.join(os.path.dirname(__file__), ".")))
sys.path.append(sys.argv[1])

from flwr.common import ndarrays_to_parameters
from flwr.server import ServerConfig, start_server
from flwr.server.strategy import FedAvg
from task import ADDRESS, ROUNDS, get_weights, new_model

from task_daemon_lib.task_reporter import TaskReporter

GOOD = 0.7
"""The accuracy from which on the task's trigger is asked for."""

task_reporter = TaskReporter()


class Reported(FedAvg):
    """Averages what clients send, and reports the accuracy of each round."""

    def aggregate_evaluate(self, server_round, results, failures):
        loss, metrics = super().aggregate_evaluate(server_round, results, failures)
        if results:
            task_reporter.send_stats(server_round, metrics["accuracy"])
            if metrics["accuracy"] >= GOOD:
                task_reporter.trigger("trigger_example", str(metrics["accuracy"]))
        return loss, metrics


def weigh(metrics):
    """The accuracy over all images of all clients."""
    images = sum(count for count, _ in metrics)
    return {"accuracy": sum(count * each["accuracy"] for count, each in metrics) / images}


try:
    if "test-error" in sys.argv[2:]:
        raise RuntimeError("a test of what becomes of errors")
    start_server(
        server_address=ADDRESS,
        config=ServerConfig(num_rounds=ROUNDS),
        strategy=Reported(
            min_fit_clients=2,
            min_evaluate_clients=2,
            min_available_clients=2,
            initial_parameters=ndarrays_to_parameters(get_weights(new_model())),
            evaluate_metrics_aggregation_fn=weigh,
        ),
    )
except Exception as e:
    task_reporter.send_error(e)
    sys.exit(1)
task_reporter.send_info("Finished")
