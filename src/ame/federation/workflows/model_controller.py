"""`ModelController`: a workflow written as one method, `run`, over models instead of tasks."""

from abc import ABC
from typing import Any

from ame.federation.model import FLModel, ParamsType
from ame.federation.spec.names.app import AppConstants
from ame.federation.workflows.base_model_controller import BaseModelController, Taken


class ModelController(BaseModelController, ABC):
    """What to subclass for an algorithm of one's own: `run` sends models and waits for results."""

    def __init__(
        self,
        *args: Any,
        persistor_id: str = AppConstants.DEFAULT_PERSISTOR_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(persistor_id, *args, **kwargs)

    def send_model_and_wait(
        self,
        task_name: str = AppConstants.TASK_TRAIN,
        data: FLModel | None = None,
        targets: list[str] | None = None,
        min_responses: int | None = None,
        timeout: int = 0,
    ) -> list[FLModel]:
        """Send a model, and wait for the sites' models, which come in the order of the sites."""
        return self.broadcast_model(
            data=data or FLModel(params={}, params_type=ParamsType.FULL),
            task_name=task_name,
            targets=targets,
            min_responses=min_responses,
            timeout=timeout,
        )

    def send_model(
        self,
        task_name: str = AppConstants.TASK_TRAIN,
        data: FLModel | None = None,
        targets: list[str] | None = None,
        min_responses: int | None = None,
        timeout: int = 0,
        callback: Taken | None = None,
    ) -> None:
        """Send a model, and go on; `callback` is called with each site's model, one at a time."""
        self.broadcast_model(
            data=data or FLModel(params={}, params_type=ParamsType.FULL),
            task_name=task_name,
            targets=targets,
            min_responses=min_responses,
            timeout=timeout,
            blocking=False,
            callback=callback,
        )
