"""Workflows of one question to the sites, whose answers a component takes."""

from abc import ABC, abstractmethod
from typing import Any

from ame.federation.run.found import component
from ame.federation.spec.component import FLComponent
from ame.federation.spec.context import FLContext
from ame.federation.spec.controller import Controller
from ame.federation.spec.dxo import DataKind, from_shareable
from ame.federation.spec.learnable import make_model_learnable
from ame.federation.spec.names.app import AppConstants
from ame.federation.spec.shareable import Shareable
from ame.federation.spec.task import Client, ClientTask, Signal, Task


class ResponseProcessor(FLComponent, ABC):
    """What is asked, what each answer is good for, and whether all together suffice."""

    @abstractmethod
    def create_task_data(self, task_name: str, fl_ctx: FLContext) -> Shareable:
        """What is sent to the sites; called once, before all else."""

    @abstractmethod
    def process_client_response(
        self, client: Client, task_name: str, response: Shareable | None, fl_ctx: FLContext
    ) -> bool:
        """Take an answer; False ends the job."""

    @abstractmethod
    def final_process(self, fl_ctx: FLContext) -> bool:
        """After the last answer; False ends the job."""


class BroadcastAndProcess(Controller):
    """Asks the sites one thing, and gives their answers to a `ResponseProcessor`."""

    def __init__(
        self,
        processor: str | ResponseProcessor,
        task_name: str,
        min_responses_required: int = 0,
        wait_time_after_min_received: int = 10,
        timeout: int = 0,
        clients: list[str] | str | None = None,
    ) -> None:
        """What is asked, and of whom.

        Args:
            processor: it, or its id among the components.
            task_name: the task of the sites.
            min_responses_required: how many answers suffice; 0 for all.
            wait_time_after_min_received: seconds for more of them.
            timeout: seconds for the whole, 0 for ever.
            clients: the sites' names, all if None.

        Raises:
            TypeError: the processor is neither.
        """
        super().__init__()
        if not isinstance(processor, (str, ResponseProcessor)):
            message = f"processor must be an id or a ResponseProcessor, not {processor!r}"
            raise TypeError(message)
        self.processor = processor
        self.task_name = task_name
        self.min_responses_required = min_responses_required
        self.wait_time_after_min_received = wait_time_after_min_received
        self.timeout = timeout
        self.clients = [clients] if isinstance(clients, str) else clients

    def start_controller(self, fl_ctx: FLContext) -> None:
        """Find the processor.

        Raises:
            errors.ComponentUnknown: it is not there.
        """
        given = self.processor
        self._processor: ResponseProcessor = (
            component(self._engine, given, ResponseProcessor)  # type: ignore[type-abstract]  # what is found is asked for its kind
            if isinstance(given, str)
            else given
        )

    def control_flow(self, abort_signal: Signal, fl_ctx: FLContext) -> None:
        """Ask, and wait for the answers.

        Raises:
            errors.JobPanicked: the processor does not take them.
        """
        task = Task(
            name=self.task_name,
            data=self._processor.create_task_data(self.task_name, fl_ctx),
            timeout=self.timeout,
            result_received_cb=self._take,
        )
        self.broadcast_and_wait(
            task=task,
            fl_ctx=fl_ctx,
            targets=self.clients,
            min_responses=self.min_responses_required,
            wait_time_after_min_received=self.wait_time_after_min_received,
            abort_signal=abort_signal,
        )
        if not abort_signal.triggered and not self._processor.final_process(fl_ctx):
            self._refuse("the answers to", fl_ctx)

    def stop_controller(self, fl_ctx: FLContext) -> None:
        """Nothing is left to be done."""

    def _take(self, client_task: ClientTask, fl_ctx: FLContext) -> None:
        client, answer = client_task.client, client_task.result
        client_task.result = None
        if not self._processor.process_client_response(client, self.task_name, answer, fl_ctx):
            self._refuse(f"the answer of {client.name} to", fl_ctx)

    def _refuse(self, what: str, fl_ctx: FLContext) -> None:
        who = type(self._processor).__name__
        self.system_panic(f"{who} does not take {what} `{self.task_name}`", fl_ctx)


class WeightMethod:
    """Whose weights a job begins with."""

    FIRST = "first"
    CLIENT = "client"


class GlobalWeightsInitializer(ResponseProcessor):
    """A job begins with the weights of the site that answers first, or of a certain one."""

    def __init__(
        self,
        weights_prop_name: str = AppConstants.GLOBAL_MODEL,
        weight_method: str = WeightMethod.FIRST,
        client_name: str | None = None,
    ) -> None:
        """Which weights, and the property of the context that they become.

        Raises:
            ValueError: there is no such method, or it is "client" and none is named.
        """
        super().__init__()
        if weight_method not in (WeightMethod.FIRST, WeightMethod.CLIENT):
            message = f"weight_method must be `first` or `client`, not `{weight_method}`"
            raise ValueError(message)
        if weight_method == WeightMethod.CLIENT and not (
            client_name and isinstance(client_name, str)
        ):
            message = "weight_method `client` needs client_name, the name of one site"
            raise ValueError(message)
        self.weights_prop_name = weights_prop_name
        self.weight_method = weight_method
        self.client_name = client_name
        self._weights: Any = None

    def create_task_data(self, task_name: str, fl_ctx: FLContext) -> Shareable:
        """Nothing: sites know what they begin with."""
        self._weights = None
        return Shareable()

    def process_client_response(
        self, client: Client, task_name: str, response: Shareable | None, fl_ctx: FLContext
    ) -> bool:
        """Take a site's weights, if they are the ones."""
        try:
            dxo = from_shareable(response or Shareable())
        except ValueError as error:
            self.log_error(fl_ctx, f"{client.name} sent no weights: {error}")
            return False
        if dxo.data_kind != DataKind.WEIGHTS or not dxo.data:
            self.log_error(fl_ctx, f"{client.name} sent {dxo.data_kind}, not WEIGHTS, or none")
            return False
        asked = self.weight_method == WeightMethod.FIRST or client.name == self.client_name
        if self._weights is None and asked:
            self._weights = dxo.data
        return True

    def final_process(self, fl_ctx: FLContext) -> bool:
        """Make them the model."""
        if self._weights is None:
            self.log_error(fl_ctx, "no site sent the weights that the job is to begin with")
            return False
        model = make_model_learnable(self._weights, {})
        fl_ctx.put(self.weights_prop_name, model, private=True, sticky=True)
        return True


class InitializeGlobalWeights(BroadcastAndProcess):
    """A workflow before others, that takes the weights to begin with from a site."""

    def __init__(
        self,
        task_name: str = AppConstants.TASK_GET_WEIGHTS,
        min_responses_required: int = 0,
        wait_time_after_min_received: int = 0,
        task_timeout: int = 0,
        weights_prop_name: str = AppConstants.GLOBAL_MODEL,
        weight_method: str = WeightMethod.FIRST,
        weights_client_name: str | list[str] | None = None,
    ) -> None:
        """As `BroadcastAndProcess` and `GlobalWeightsInitializer` take their arguments.

        Args:
            task_name: the task of the sites.
            min_responses_required: how many answers suffice; 0 for all.
            wait_time_after_min_received: seconds for more of them.
            task_timeout: seconds for the whole, 0 for ever.
            weights_prop_name: the property of the context that the weights become.
            weight_method: `first` or `client`.
            weights_client_name: the sites that are asked, all if None; for `client` the one.

        Raises:
            ValueError: the method and the names do not go together.
        """
        one = weights_client_name if isinstance(weights_client_name, str) else None
        super().__init__(
            processor=GlobalWeightsInitializer(weights_prop_name, weight_method, one),
            task_name=task_name,
            min_responses_required=min_responses_required,
            wait_time_after_min_received=wait_time_after_min_received,
            timeout=task_timeout,
            clients=weights_client_name,
        )
        self.task_timeout = task_timeout
        self.weights_prop_name = weights_prop_name
        self.weight_method = weight_method
        self.weights_client_name = weights_client_name
