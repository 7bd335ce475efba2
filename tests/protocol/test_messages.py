"""Messages and calls."""

import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import FieldDescriptor

from ame import errors
from ame.protocol import calls, statuses
from ame.protocol.pb import _pool, plan, task_assignments

ROOT = Path(__file__).parents[2]


def test_what_is_generated_is_fresh() -> None:
    made = subprocess.run(
        [sys.executable, ROOT / "tools" / "protos.py", "--check"], capture_output=True, text=True
    )

    assert made.returncode == 0, made.stderr


@pytest.mark.slow
@pytest.mark.parametrize("first", ["tensorflow", "ame.protocol.pb.plan"])
def test_tensorflow_and_the_protocol_live_in_one_process_in_either_order(first: str) -> None:
    order = ["tensorflow", "ame.protocol.pb.plan"]
    order.sort(key=lambda name: name != first)
    text = f"""
import {order[0]}, {order[1]}
import tensorflow as tf
from ame.protocol.pb import plan, tensor
theirs = tf.make_tensor_proto([1.0, 2.0])
ours = tensor.TensorProto.FromString(theirs.SerializeToString())
assert ours.SerializeToString() == theirs.SerializeToString()
from tensorflow.core.framework import graph_pb2
packed = plan.Plan()
packed.server_graph_bytes.type_url = "type.googleapis.com/tensorflow.GraphDef"
packed.server_graph_bytes.value = graph_pb2.GraphDef().SerializeToString()
"""

    subprocess.run([sys.executable, "-c", text], check=True, capture_output=True)


@pytest.mark.slow
def test_tensorflows_messages_have_tensorflows_fields() -> None:
    text = """
import tensorflow
from google.protobuf import descriptor_pb2, descriptor_pool
from importlib import resources
from tensorflow.core.util import saved_tensor_slice_pb2
described = resources.files("ame.protocol.pb").joinpath("descriptors.binpb").read_bytes()
theirs = descriptor_pool.Default()
count = 0
def compare(message, name):
    global count
    there = {f.name: f for f in theirs.FindMessageTypeByName(name).fields}
    for field in message.field:
        other = there[field.name]
        assert (field.number, field.type) == (other.number, other.type), (name, field.name)
        count += 1
    for inner in message.nested_type:
        if not inner.options.map_entry:
            compare(inner, name + "." + inner.name)
for file in descriptor_pb2.FileDescriptorSet.FromString(described).file:
    if file.package == "tensorflow":
        for message in file.message_type:
            compare(message, "tensorflow." + message.name)
        for enum in file.enum_type:
            there = theirs.FindEnumTypeByName("tensorflow." + enum.name).values_by_name
            for value in enum.value:
                assert there[value.name].number == value.number
                count += 1
assert count > 60, count
"""

    ended = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True)

    assert ended.returncode == 0, ended.stderr


def test_every_rpc_is_declared_as_a_call_with_its_messages() -> None:
    declared = {
        (call.service, call.name): (
            call.request.DESCRIPTOR.full_name,
            call.reply.DESCRIPTOR.full_name,
        )
        for call in calls.CALLS
        if call.service
    }
    described = descriptor_pb2.FileDescriptorSet.FromString(
        (Path(_pool.__file__).parent / "descriptors.binpb").read_bytes()
    )

    assert declared == {
        (f"{file.package}.{service.name}", rpc.name): (
            rpc.input_type.lstrip("."),
            rpc.output_type.lstrip("."),
        )
        for file in described.file
        for service in file.service
        for rpc in service.method
    }


def test_a_path_takes_its_fields_out_of_the_body_and_gives_them_back() -> None:
    call = calls.ASSIGNMENTS[0]
    request = task_assignments.StartTaskAssignmentRequest(
        population_name="a/b c:ü", session_id="s~1"
    )
    request.client_version.version_code = "7"

    path, body = call.split(request)

    assert path == "/v1/populations/a%2Fb%20c%3A%C3%BC/taskassignments/s~1:start"
    assert body.SerializeToString() == b"\x22\x03\x0a\x017"
    assert request.session_id == "s~1"
    found = calls.find("POST", path)
    assert found == (call, {"population_name": "a/b c:ü", "session_id": "s~1"})


def test_operations_keep_their_slashes() -> None:
    get, cancel = calls.OPERATIONS

    assert get.filled({"name": "operations/a b"}) == "/v1/operations/a%20b"
    assert calls.find("GET", "/v1/operations/x") == (get, {"name": "operations/x"})
    found = calls.find("POST", "/v1/operations/x:cancel")
    assert found == (cancel, {"name": "operations/x"})


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/populations/p/taskassignments/s:start"),
        ("POST", "/v1/populations/p/q/taskassignments/s:start"),
        ("POST", "/v1/populations//taskassignments/s:start"),
        ("POST", "/taskassignment/v1/population/p:create"),
        ("POST", "/"),
    ],
)
def test_another_path_or_method_is_no_call(method: str, path: str) -> None:
    assert calls.find(method, path) is None


def test_no_two_calls_share_a_path() -> None:
    for call in calls.CALLS:
        path = call.filled(dict.fromkeys(call.names, "operations/x" if call.service else "x"))
        matching = [
            other.name
            for other in calls.CALLS
            if other.matched(call.method, path) is not None  # of a path without names it is empty
        ]
        assert matching == [call.name]


def test_every_branch_of_errors_has_a_code_and_every_code_an_http_status() -> None:
    for branch in errors.Error.__subclasses__():
        assert statuses.of(branch.__new__(branch)) != statuses.OK
    assert [statuses.to_http(code) for code in range(17)] == [
        200, 499, 500, 400, 504, 404, 409, 403, 429, 412, 409, 400, 501, 500, 503, 500, 401,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("status", "code"),
    [(200, 0), (201, 0), (400, 3), (409, 10), (412, 9), (418, 9), (500, 13), (599, 13), (301, 2)],
)
def test_a_client_reads_http_statuses_by_the_table(status: int, code: int) -> None:
    assert statuses.from_http(status) == code


def test_numbers_of_fields_that_the_original_added_are_kept() -> None:
    spec = plan.TensorflowSpec.DESCRIPTOR.fields_by_name["example_selector"]

    assert (spec.number, spec.type) == (999, FieldDescriptor.TYPE_MESSAGE)
