"""Jobs that come with what most jobs need: `BaseFedJob`, `FedAvgJob`, `SAGMLFlowJob`."""

from typing import Any, Literal

from ame import errors
from ame.federation.job import checks
from ame.federation.job.capture import frameworks
from ame.federation.job.fedjob import FedJob
from ame.federation.job.models import PTModel, TFModel


class BaseFedJob(FedJob):
    """A job with a model of PyTorch or Keras, the table of validations, and the choice of the best.

    The user adds controllers and executors.
    """

    def __init__(
        self,
        initial_model: Any = None,
        name: str = "fed_job",
        min_clients: int = 1,
        mandatory_clients: list[str] | None = None,
        key_metric: str = "accuracy",
        validation_json_generator: Any = None,
        intime_model_selector: Any = None,
        convert_to_fed_event: Any = None,
        analytics_receiver: Any = None,
        model_persistor: Any = None,
        model_locator: Any = None,
        *,
        model_selector: Any = None,
        metrics_artifact_writer: Any = None,
        key_metric_mode: Literal["min", "max"] = "max",
        initial_ckpt: str | None = None,
    ) -> None:
        """Gives the server what was named, and defaults for the rest.

        Args:
            initial_model: a `torch.nn.Module`, a `keras.Model`, or None.
            name: see `FedJob`.
            min_clients: see `FedJob`.
            mandatory_clients: see `FedJob`.
            key_metric: the metric by which the best model is known; empty: there is no best.
            validation_json_generator: instead of a `ValidationJsonGenerator`.
            intime_model_selector: instead of an `IntimeModelSelector`.
            convert_to_fed_event: for each client, what makes the server hear its events. Metrics
                that scripts log reach the run's results without.
            analytics_receiver: at the server, what is to hear them.
            model_persistor: instead of the one of the model's framework.
            model_locator: instead of `PTFileModelLocator`.
            model_selector: the same as `intime_model_selector`, of later versions.
            metrics_artifact_writer: for the server, if wanted.
            key_metric_mode: whether more or less is better.
            initial_ckpt: a file of the server's to begin with.

        Raises:
            errors.JobInvalid (ValueError): the model is none, or two arguments contradict.
        """
        from ame.federation.components.selector import IntimeModelSelector
        from ame.federation.components.validation import ValidationJsonGenerator

        super().__init__(name, min_clients, mandatory_clients)
        if key_metric_mode not in {"min", "max"}:
            raise errors.JobInvalid(f"`key_metric_mode` is 'min' or 'max', not {key_metric_mode!r}")
        if intime_model_selector is not None and model_selector is not None:
            raise errors.JobInvalid(
                "`intime_model_selector` and `model_selector` are one; give one"
            )
        self.initial_model = initial_model
        self.convert_to_fed_event = convert_to_fed_event
        self.comp_ids: Any = {}
        self.to_server(validation_json_generator or ValidationJsonGenerator(), id="json_generator")
        selector = intime_model_selector or model_selector
        if selector is None and key_metric:
            selector = IntimeModelSelector(
                key_metric=key_metric, negate_key_metric=key_metric_mode == "min"
            )
        for given, wanted in (
            (selector, "model_selector"),
            (analytics_receiver, "receiver"),
            (metrics_artifact_writer, "metrics_artifact_writer"),
        ):
            if given is not None:
                self.to_server(given, id=wanted)
        self._add_model(model_persistor, model_locator, initial_ckpt)

    def _add_model(self, persistor: Any, locator: Any, initial_ckpt: str | None) -> None:
        model = self.initial_model
        if model is None:
            if persistor is not None:
                self.comp_ids = {"persistor_id": self.to_server(persistor, id="persistor")}
        elif frameworks.is_keras_model(model):
            self.comp_ids = {
                "persistor_id": self.to_server(TFModel(model, persistor, initial_ckpt))
            }
        else:
            self.comp_ids = self.to_server(
                PTModel(model, persistor, locator, initial_ckpt=initial_ckpt)
            )

    def set_up_client(self, target: str) -> None:
        """Gives a client what makes the server hear its events, if that was named."""
        if self.convert_to_fed_event is not None:
            self.to(self.convert_to_fed_event, target, id="event_to_fed")


class FedAvgJob(BaseFedJob):
    """Federated averaging of a PyTorch or Keras model. The user adds executors."""

    def __init__(
        self,
        initial_model: Any,
        n_clients: int,
        num_rounds: int,
        name: str = "fed_job",
        min_clients: int = 1,
        mandatory_clients: list[str] | None = None,
        key_metric: str = "accuracy",
        key_metric_mode: Literal["min", "max"] = "max",
    ) -> None:
        """Gives the server the model, its persistor, `IntimeModelSelector` and `FedAvg`.

        Raises:
            errors.JobInvalid (ValueError): the model is none.
        """
        if not (
            frameworks.is_torch_model(initial_model) or frameworks.is_keras_model(initial_model)
        ):
            raise errors.JobInvalid(
                "Expected initial_model to be a torch.nn.Module or a keras.Model, but got "
                f"{type(initial_model).__name__}; give one that is made: `Net()`"
            )
        from ame.federation.workflows.averaging.fedavg import FedAvg

        checks.count("n_clients", n_clients)
        checks.count("num_rounds", num_rounds)
        super().__init__(
            initial_model,
            name,
            min_clients,
            mandatory_clients,
            key_metric,
            key_metric_mode=key_metric_mode,
        )
        self.n_clients = n_clients
        self.num_rounds = num_rounds
        self.to_server(FedAvg(num_clients=n_clients, num_rounds=num_rounds))


class SAGMLFlowJob(BaseFedJob):
    """Scatter and gather of a model, whose metrics go to MLflow. The user adds executors."""

    def __init__(
        self,
        initial_model: Any,
        n_clients: int,
        num_rounds: int,
        name: str = "fed_job",
        min_clients: int = 1,
        mandatory_clients: list[str] | None = None,
        key_metric: str = "accuracy",
        tracking_uri: str | None = None,
        kwargs: dict[str, Any] | None = None,
        artifact_location: str | None = None,
    ) -> None:
        """Gives the server the model, `ScatterAndGather` with its parts, and an `MLflowReceiver`.

        Args:
            initial_model: see `BaseFedJob`.
            n_clients: how many results a round needs.
            num_rounds: how many rounds.
            name: see `FedJob`.
            min_clients: see `FedJob`.
            mandatory_clients: see `FedJob`.
            key_metric: see `BaseFedJob`.
            tracking_uri: see `MLflowReceiver`.
            kwargs: its `kw_args`.
            artifact_location: see `MLflowReceiver`.

        Raises:
            errors.JobInvalid (ValueError): the model is none.
        """
        from ame.federation.components.aggregators import InTimeAccumulateWeightedAggregator
        from ame.federation.components.generators import FullModelShareableGenerator
        from ame.federation.receivers.mlflow_runs import MLflowReceiver
        from ame.federation.workflows.scatter_and_gather import ScatterAndGather

        checks.count("n_clients", n_clients)
        checks.count("num_rounds", num_rounds)
        super().__init__(initial_model, name, min_clients, mandatory_clients, key_metric)
        persistor = self.comp_ids["persistor_id"] if self.comp_ids else "persistor"
        self.to_server(
            MLflowReceiver(tracking_uri, kw_args=kwargs, artifact_location=artifact_location),
            id="mlflow_receiver_with_tracking_uri",
        )
        self.to_server(
            ScatterAndGather(
                min_clients=n_clients,
                num_rounds=num_rounds,
                wait_time_after_min_received=10,
                aggregator_id=self.to_server(
                    InTimeAccumulateWeightedAggregator(expected_data_kind="WEIGHTS"),
                    id="aggregator",
                ),
                persistor_id=persistor,
                shareable_generator_id=self.to_server(
                    FullModelShareableGenerator(), id="shareable_generator"
                ),
            )
        )

    def set_up_client(self, target: str) -> None:
        """Gives a client a writer, under the id `log_writer`."""
        from ame.federation.receivers.writers import MLflowWriter

        super().set_up_client(target)
        self.to(MLflowWriter(), target, id="log_writer")
