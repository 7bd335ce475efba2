"""Runs plans that are flatbuffers. A program of its own: `flat_child.py SOCKET`.

It runs in an environment with a TensorFlow that still has the Flex delegate, and imports nothing
of ours. Over the socket it is sent JSON lines, and answers each with one: `{"load": MODEL}` with
the selectors that the model asks for examples by, in base64; `{"folder", "inputs", "output"}` once
the model has been run in that folder: with `{}`, or, where an output is named, with the text that
it is, in base64. What fails is answered with `{"error"}`.

Source: the schema of TFLite, of which an operation of TensorFlow proper is `Flex` and its name,
with a flexbuffer of its name and its NodeDef.
"""

import base64
import json
import os
import socket
import struct
import sys
from typing import Any

EXTERNAL = b"FlexExternalDataset"
RECORDS = "TFRecordDataset"
INT64, STRING = 4, 5
"""Types of tensors in the schema."""


def strings(*values: bytes) -> bytes:
    """A tensor of strings: how many, where each begins and the last ends, their bytes."""
    head = 4 * (len(values) + 2)
    ends = [head + sum(map(len, values[:place])) for place in range(len(values) + 1)]
    return struct.pack(f"<{len(values) + 2}i", len(values), *ends) + b"".join(values)


def node() -> bytes:
    """A flexbuffer of the operation that reads records, and its NodeDef."""
    from flatbuffers import flexbuffers  # type: ignore[import-untyped]  # it has none

    name = RECORDS.encode()
    parts = [b"\x0a" + bytes([len(name)]) + name, b"\x12" + bytes([len(name)]) + name]
    # three inputs, then the attribute `metadata`: an empty string
    parts += [b"\x1a\x01" + letter for letter in (b"a", b"b", b"c")]
    parts.append(b"\x2a\x0e\x0a\x08metadata\x12\x02\x12\x00")
    builder = flexbuffers.Builder()
    with builder.Vector():
        builder.String(RECORDS)
        builder.String(b"".join(parts).decode("ascii"))
    return bytes(builder.Finish())


def rewritten(model: bytes) -> tuple[bytes, list[bytes]]:
    """The model that reads examples from files `examples/0`, `examples/1`, … below the folder it
    runs in, and the selectors that these are of.
    """
    import flatbuffers
    from tensorflow.lite.python import (  # type: ignore[import-untyped]  # it has none
        schema_py_generated as schema,
    )

    made = schema.ModelT.InitFromPackedBuf(model, 0)
    asked = {i for i, code in enumerate(made.operatorCodes) if code.customCode == EXTERNAL}
    for i in asked:
        made.operatorCodes[i].customCode = f"Flex{RECORDS}"
    selectors: list[bytes] = []

    def constant(graph: Any, kind: int, data: bytes) -> int:  # noqa: ANN401 - the schema's
        made.buffers.append(schema.BufferT())
        made.buffers[-1].data = list(data)
        tensor = schema.TensorT()
        tensor.shape, tensor.type, tensor.buffer = [], kind, len(made.buffers) - 1
        tensor.name = f"examples_{len(made.buffers)}"
        graph.tensors.append(tensor)
        return len(graph.tensors) - 1

    for graph in made.subgraphs:
        for operator in graph.operators or ():
            if operator.opcodeIndex not in asked:
                continue
            given = made.buffers[graph.tensors[operator.inputs[1]].buffer].data
            if given is None:
                raise ValueError("a selector that is computed while a flatbuffer runs")
            selector = bytes(given)[12:]
            if selector not in selectors:
                selectors.append(selector)
            path = f"examples/{selectors.index(selector)}".encode()
            operator.inputs = [
                constant(graph, STRING, strings(path)),
                constant(graph, STRING, strings(b"")),
                constant(graph, INT64, struct.pack("<q", 262144)),
            ]
            operator.customOptions = list(node())
    builder = flatbuffers.Builder(len(model) + 4096)
    builder.Finish(made.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output()), selectors


class Runner:
    """One model, loaded. Its interpreter runs it again and again.

    An interpreter that has run a model with iterators in it ends the process when it is freed: so
    this one is not.
    """

    def __init__(self) -> None:
        self.interpreter: Any = None

    def load(self, path: str) -> dict[str, Any]:
        """Reads and rewrites the model."""
        import tensorflow as tf  # type: ignore[import-untyped]  # it has none

        with open(path, "rb") as file:  # noqa: PTH123 - nothing but what is needed
            model, selectors = rewritten(file.read())
        # XNNPACK cannot take batches of a size that is not known before, as plans have them
        plain = tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        self.interpreter = tf.lite.Interpreter(
            model_content=model, num_threads=1, experimental_op_resolver_type=plain
        )
        self.interpreter.allocate_tensors()
        return {"selectors": [base64.b64encode(each).decode() for each in selectors]}

    def run(self, folder: str, inputs: dict[str, str], output: str) -> dict[str, Any]:
        """Runs it once in a folder, with these strings for its inputs; what an output then is."""
        import numpy as np

        os.chdir(folder)
        for each in self.interpreter.get_input_details():
            value = np.array(inputs[each["name"]].encode(), dtype=np.bytes_)
            self.interpreter.set_tensor(each["index"], value)
        self.interpreter.invoke()
        if not output:
            return {}
        made = self.interpreter.get_output_details()
        own = [each for each in made if each["name"].removesuffix(":0") == output]
        if not own and len(made) == 1:  # conversion may give the only one another name
            own = made
        if not own or own[0]["dtype"] not in (np.bytes_, np.object_):
            raise ValueError(f"{output} is no output of text")
        text = self.interpreter.get_tensor(own[0]["index"]).item()
        return {"output": base64.b64encode(text).decode()}


def main() -> None:
    """Answers until the other end closes."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(sys.argv[1])
    runner = Runner()
    with connection.makefile("rw", encoding="utf-8") as line:
        for said in line:
            asked = json.loads(said)
            try:
                if "load" in asked:
                    answer = runner.load(asked["load"])
                else:
                    answer = runner.run(asked["folder"], asked["inputs"], asked["output"])
            except Exception as error:  # noqa: BLE001 - whatever a model does is told
                answer = {"error": f"{type(error).__name__}: {error}"}
            line.write(json.dumps(answer) + "\n")
            line.flush()
    os._exit(0)  # nothing is freed


if __name__ == "__main__":
    main()
