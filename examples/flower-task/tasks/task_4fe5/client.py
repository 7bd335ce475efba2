import os
import sys

sys.path.append(os.path.abspath(os.path.join(os.path.dirname(__file__), ".")))
sys.path.append(sys.argv[1])

from flwr.client import NumPyClient, start_client
from sklearn.metrics import log_loss
from task import ADDRESS, CLASSES, get_weights, load_share, new_model, set_weights

from task_daemon_lib.task_reporter import TaskReporter

task_reporter = TaskReporter()


class FlowerClient(NumPyClient):
    """Learns from its share of the images, and says how well the model does on the rest of it."""

    def __init__(self):
        self.model = new_model()
        self.images, self.labels, self.test_images, self.test_labels = load_share()

    def fit(self, parameters, config):
        set_weights(self.model, parameters)
        for _ in range(5):
            self.model.partial_fit(self.images, self.labels)
        task_reporter.send_print(f"learned from {len(self.labels)} images")
        return get_weights(self.model), len(self.labels), {}

    def evaluate(self, parameters, config):
        set_weights(self.model, parameters)
        loss = log_loss(
            self.test_labels, self.model.predict_proba(self.test_images), labels=CLASSES
        )
        accuracy = self.model.score(self.test_images, self.test_labels)
        return loss, len(self.test_labels), {"accuracy": accuracy}


try:
    if "test-error" in sys.argv[2:]:
        raise RuntimeError("a test of what becomes of errors")
    start_client(server_address=ADDRESS, client=FlowerClient().to_client())
except Exception as e:
    task_reporter.send_error(e)
    sys.exit(1)
task_reporter.send_info("Finished")
