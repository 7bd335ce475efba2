"""Modules that make models again which were put together from a framework's own layers."""

import json
import sys
from collections.abc import Callable
from typing import Any

from ame import errors
from ame.federation.job.capture import frameworks, sources
from ame.federation.job.capture.arguments import arguments_of

MADE = "Model"
"""The class in such a module."""

REMEDY = "write the model as a class in a module of your own"
HEAD = '"""The initial model, as it was put together."""\n\n'


class Writer:
    """Writes modules that make models again which were put together from a framework's parts."""

    def __init__(self, need: Callable[[type[Any]], None]) -> None:
        """`need` takes along what a class needs."""
        self._need = need
        self._modules: set[str] = set()

    def module(self, model: object) -> str:
        """The text of a module whose class `Model` makes it.

        Raises:
            errors.ArgumentUnfit, errors.ClassUnfit: it cannot be written.
        """
        return self._keras(model) if frameworks.is_keras_model(model) else self._torch(model)

    def _torch(self, model: Any) -> str:
        base, call = self._path(type(model)), self._call(model)
        imported = "".join(f"import {name}\n" for name in sorted(self._modules))
        return (
            f"{HEAD}{imported}\n\n"
            f"class {MADE}({base}):\n"
            f"    def __init__(self):\n        super().__init__{call}\n"
        )

    def _call(self, model: Any) -> str:
        """The arguments, in brackets, that make a model again."""
        torch = sys.modules["torch"]
        if type(model) in {torch.nn.Sequential, torch.nn.ModuleList, torch.nn.ModuleDict}:
            children = {name: self._expression(each) for name, each in model.named_children()}
            if list(children) != [str(number) for number in range(len(children))]:
                self._modules.add("collections")
                pairs = ", ".join(f"({name!r}, {child})" for name, child in children.items())
                return f"(collections.OrderedDict([{pairs}]))"
            listed = ", ".join(children.values())
            return f"({listed})" if type(model) is torch.nn.Sequential else f"([{listed}])"
        found = arguments_of(model, f"{type(model).__module__}.{type(model).__qualname__}")
        given = [self._text(each) for _, each in found.lead]
        given += [f"{name}={self._text(each)}" for name, each in found.named.items()]
        return f"({', '.join(given)})"

    def _expression(self, model: Any) -> str:
        if not type(model).__module__.startswith("torch.nn."):
            self._need(type(model))
        return f"{self._path(type(model))}{self._call(model)}"

    def _path(self, kind: type[Any]) -> str:
        path = sources.path_of(kind)
        self._modules.add(path.rpartition(".")[0])
        return path

    def _text(self, value: object) -> str:
        if frameworks.is_torch_model(value):
            return self._expression(value)
        if (said := frameworks.transformers_config(value)) is not None:
            return f"{self._path(type(value))}.from_dict({said!r})"
        if isinstance(value, list | tuple):
            inner = ", ".join(self._text(each) for each in value)
            return f"[{inner}]" if isinstance(value, list) else f"({inner},)" if inner else "()"
        if value is None or isinstance(value, bool | int | float | str):
            return repr(value)
        raise errors.ClassUnfit(
            type(value).__name__, f"is an argument of a layer and cannot be written: {value!r}",
            REMEDY,
        )  # fmt: skip

    def _keras(self, model: Any) -> str:
        own = {
            type(layer)
            for layer in frameworks.keras_layers(model)
            if not type(layer).__module__.startswith("keras.")
        }
        for kind in own:
            self._need(kind)
        try:
            text = json.dumps(model.get_config())
        except (NotImplementedError, TypeError) as error:
            raise errors.ClassUnfit(
                type(model).__name__, f"has a layer that cannot be described: {error}", REMEDY
            ) from error
        paths = {kind.__name__: sources.path_of(kind) for kind in own}
        modules = sorted({"json", "keras", *(path.rpartition(".")[0] for path in paths.values())})
        objects = ", ".join(f"{name!r}: {path}" for name, path in paths.items())
        sequential = type(model).__name__ == "Sequential"
        body = (
            "        layers = [keras.layers.deserialize(each, OWN) for each in config['layers']]\n"
            "        super().__init__(layers, name=config['name'])\n"
            if sequential
            else "        made = keras.Model.from_config(config, OWN)\n"
            "        super().__init__(made.inputs, made.outputs, name=made.name)\n"
        )
        return (
            HEAD
            + "".join(f"import {name}\n" for name in modules)
            + f"\nCONFIG = {text!r}\nOWN = {{{objects}}}\n\n\n"
            f"class {MADE}(keras.{'Sequential' if sequential else 'Model'}):\n"
            f"    def __init__(self):\n        config = json.loads(CONFIG)\n{body}"
        )
