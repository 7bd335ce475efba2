"""A graph as the flatbuffer that devices run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import tensorflow as tf  # type: ignore[import-untyped]  # it has no types

from ame import errors

if TYPE_CHECKING:
    from collections.abc import Sequence

FLEX: Final = "Flex"
"""How the names of operations begin that are TensorFlow's own."""


def converted(graph: Any, inputs: Sequence[str], target: str) -> bytes:  # noqa: ANN401 - a GraphDef
    """The flatbuffer of a graph that has scalar texts for its inputs, and no outputs.

    Raises:
        errors.GraphRefused: the converter does not take it.
    """
    from tensorflow.lite.python import convert  # type: ignore[import-untyped]  # the same

    try:
        return _converter(graph, inputs, target).convert()  # type: ignore[no-any-return]  # the same
    except convert.ConverterError as error:
        if "StatefulPartitionedCall" not in str(error):
            raise errors.GraphRefused(_said(error)) from None
    again = _converter(graph, inputs, target)
    again.guarantee_all_funcs_one_use = True
    try:
        return again.convert()  # type: ignore[no-any-return]  # the same
    except convert.ConverterError as error:
        raise errors.GraphRefused(_said(error)) from None


def flex(flatbuffer: bytes) -> frozenset[str]:
    """The operations of TensorFlow proper in a flatbuffer."""
    from tensorflow.lite.python import schema_py_generated as schema

    model = schema.Model.GetRootAs(flatbuffer)
    codes = (model.OperatorCodes(each).CustomCode() for each in range(model.OperatorCodesLength()))
    names = {code.decode() for code in codes if code}
    return frozenset(name.removeprefix(FLEX) for name in names if name.startswith(FLEX))


def inputs(flatbuffer: bytes) -> tuple[str, ...]:
    """The names of what a flatbuffer is given."""
    from tensorflow.lite.python import schema_py_generated as schema

    main = schema.Model.GetRootAs(flatbuffer).Subgraphs(0)
    names = (main.Tensors(main.Inputs(each)).Name() for each in range(main.InputsLength()))
    return tuple(name.decode() for name in names)


def _converter(graph: Any, inputs: Sequence[str], target: str) -> Any:  # noqa: ANN401 - the same
    arrays: list[tuple[str, list[int]]] = [(name, []) for name in inputs]
    made = tf.compat.v1.lite.TFLiteConverter(
        graph, None, None, input_arrays_with_shape=arrays, output_arrays=[]
    )
    made._control_output_arrays = [target]  # noqa: SLF001 - there is no other way to ask for it
    made._experimental_allow_all_select_tf_ops = True  # noqa: SLF001
    made._experimental_preserve_assert_op = True  # noqa: SLF001
    made._experimental_unfold_large_splat_constant = True  # noqa: SLF001
    made.exclude_conversion_metadata = True
    made.experimental_enable_resource_variables = True
    made.target_spec.supported_ops = [
        tf.lite.OpsSet.TFLITE_BUILTINS,
        tf.lite.OpsSet.SELECT_TF_OPS,
    ]
    return made


def _said(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
