"""Models of XGBoost as they travel, are put together, and are kept: as its JSON, in bytes."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ame.federation.components.persistors.files import app_folder, within, write
from ame.federation.spec.context import FLContext
from ame.federation.spec.dxo import DXO, DataKind, from_shareable
from ame.federation.spec.learnable import (
    Aggregator,
    ModelLearnable,
    ModelLearnableKey,
    ModelPersistor,
    ShareableGenerator,
    make_model_learnable,
)
from ame.federation.spec.names.app import AppConstants
from ame.federation.spec.shareable import Shareable

MODEL = "model_data"
Tree = dict[str, Any]


def joined(whole: bytes | None, grown: Iterable[bytes]) -> bytes:
    """A model with the trees of others after its own, each of them an iteration or more.

    Args:
        whole: the model; None: there is none yet.
        grown: models that hold new trees only.

    Raises:
        ValueError: a model is none of trees, or of another kind of trees.
    """
    model = _read(whole) if whole else None
    for update in grown:
        model = _with(model, _read(update))
    return json.dumps(model).encode()


def masked(model: bytes) -> bytes:
    """A model that does not tell how many rows came to each of its nodes."""
    found = _read(model)
    for tree in _inside(found)["trees"]:
        tree["sum_hessian"] = [1.0] * len(tree["sum_hessian"])
    return json.dumps(found).encode()


class XGBBaggingAggregator(Aggregator):
    """Collects the trees of all sites."""

    def __init__(self) -> None:
        super().__init__()
        self._grown: list[bytes] = []

    def accept(self, shareable: Shareable, fl_ctx: FLContext) -> bool:
        """Take a site's new trees; what is no model of XGBoost is not taken."""
        try:
            update = bytes(from_shareable(shareable).data[MODEL])
            _inside(_read(update))
        except (KeyError, TypeError, ValueError) as error:
            self.log_error(fl_ctx, f"this is no model of XGBoost: {error}")
            return False
        self._grown.append(update)
        return True

    def aggregate(self, fl_ctx: FLContext) -> Shareable:
        """All of them, in the order of the sites."""
        return DXO(DataKind.WEIGHTS, data={MODEL: list(self._grown)}).to_shareable()

    def reset(self, fl_ctx: FLContext) -> None:
        """Begin anew."""
        self._grown = []


class XGBModelShareableGenerator(ShareableGenerator):
    """Sends the whole model; takes new trees of several sites, or the whole model of one."""

    def learnable_to_shareable(self, model: ModelLearnable, fl_ctx: FLContext) -> Shareable:
        """The model, to be sent; nothing before there is one."""
        return DXO(DataKind.WEIGHTS, data=dict(model[ModelLearnableKey.WEIGHTS])).to_shareable()

    def shareable_to_learnable(self, shareable: Shareable, fl_ctx: FLContext) -> ModelLearnable:
        """The model of the context, with new trees or replaced.

        Raises:
            ValueError: what came is no model of XGBoost.
        """
        came = from_shareable(shareable).data[MODEL]
        if isinstance(came, list):
            there = fl_ctx.get_prop(AppConstants.GLOBAL_MODEL)
            whole = (there or {}).get(ModelLearnableKey.WEIGHTS, {}).get(MODEL)
            came = joined(whole, came)
        return make_model_learnable({MODEL: bytes(came)}, {})


class XGBModelPersistor(ModelPersistor):
    """Keeps the model as XGBoost's JSON, in the app's folder; if it is there, begins with it."""

    def __init__(self, save_name: str = "xgboost_model.json", load_as_dict: bool = True) -> None:
        """`load_as_dict` is for other generators than ours: a model travels in one form here."""
        super().__init__()
        self.save_name = save_name
        self.load_as_dict = load_as_dict

    def load_model(self, fl_ctx: FLContext) -> ModelLearnable:
        """What the file holds, or nothing."""
        file = self._file(fl_ctx)
        weights = {MODEL: file.read_bytes()} if file.exists() else {}
        return make_model_learnable(weights, {})

    def save_model(self, model: ModelLearnable, fl_ctx: FLContext) -> None:
        """Keep it, for `xgboost.Booster(model_file=…)`."""
        if trees := model[ModelLearnableKey.WEIGHTS].get(MODEL):
            write(self._file(fl_ctx), lambda path: path.write_bytes(trees))

    def _file(self, fl_ctx: FLContext) -> Path:
        return within(app_folder(fl_ctx), self.save_name)


def _read(model: bytes) -> Tree:
    found = json.loads(bytes(model))
    _inside(found)
    return dict(found)


def _inside(model: Any) -> Tree:
    try:
        found = model["learner"]["gradient_booster"]["model"]
        found["trees"], found["tree_info"], found["iteration_indptr"]
    except (KeyError, TypeError) as error:
        message = f"this is no model of XGBoost's trees: it has no {error}"
        raise ValueError(message) from error
    return dict(found)


def _with(whole: Tree | None, grown: Tree) -> Tree:
    if whole is None:
        return grown
    into, added = _inside(whole), _inside(grown)
    if _parallel(into) != _parallel(added):
        raise ValueError("sites grow different numbers of trees in parallel; let them agree")
    had = len(into["trees"])
    for number, tree in enumerate(added["trees"], had):
        into["trees"].append({**tree, "id": number})
    into["tree_info"].extend(added["tree_info"])
    into["iteration_indptr"].extend(had + end for end in added["iteration_indptr"][1:])
    into["gbtree_model_param"]["num_trees"] = str(len(into["trees"]))
    return whole


def _parallel(inside: Tree) -> str:
    return str(inside["gbtree_model_param"]["num_parallel_tree"])
