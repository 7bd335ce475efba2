"""One task for the sites, whose results nobody averages: to prepare data, to embed, to measure."""

from typing import Any

from ame import errors
from ame.federation.model import FLModel
from ame.federation.workflows.arguments import check_int
from ame.federation.workflows.model_controller import ModelController


class CmdTaskController(ModelController):
    """Sends a task once, and waits until sites have done it. What they make stays with them."""

    def __init__(
        self,
        task_name: str = "cmd_task",
        task_data: dict[str, Any] | None = None,
        task_meta: dict[str, Any] | None = None,
        num_clients: int | None = None,
        min_responses: int | None = None,
        timeout: int = 0,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """What is sent, and to whom.

        Args:
            task_name: of the task.
            task_data: the params of the model that is sent; the task's name, if there are none.
            task_meta: its metadata.
            num_clients: how many sites are drawn; None: all.
            min_responses: how many must have done it; None: all of those.
            timeout: seconds; 0: for ever.
            args: those of `BaseModelController`.
            kwargs: the same.

        Raises:
            errors.JobTypeInvalid (TypeError), errors.JobInvalid (ValueError): one cannot be.
        """
        super().__init__(*args, **kwargs)
        check_int(0, timeout=timeout)
        for name, number in (("num_clients", num_clients), ("min_responses", min_responses)):
            if number is not None:
                check_int(1, **{name: number})
        if min_responses and num_clients and min_responses > num_clients:
            raise errors.JobInvalid(
                f"`min_responses` is {min_responses}, and `num_clients` {num_clients}; "
                "no more can answer than are asked"
            )
        self.task_name = task_name
        self.task_data = {"task_name": task_name} if task_data is None else task_data
        self.task_meta = {"status": "request"} if task_meta is None else task_meta
        self.num_clients = num_clients
        self.min_responses = min_responses
        self.timeout = timeout

    def run(self) -> None:
        """Send it, and wait."""
        self.send_model_and_wait(
            task_name=self.task_name,
            data=FLModel(
                params=self.task_data, meta=self.task_meta, current_round=0, total_rounds=1
            ),
            targets=self.sample_clients(self.num_clients),
            min_responses=self.min_responses,
            timeout=self.timeout,
        )
