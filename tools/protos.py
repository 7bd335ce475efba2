"""Makes `src/ame/protocol/pb/` from `proto/`.

usage: python tools/protos.py [--check]

`--check` writes nothing, and fails where a file is not what it would be.
"""

import re
import sys
import tempfile
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from google.protobuf import descriptor_pb2
from grpc_tools import protoc

ROOT = Path(__file__).parents[1]
PROTO = ROOT / "proto"
MADE = ROOT / "src" / "ame" / "protocol" / "pb"
HEAD = "# Made from proto/{} by tools/protos.py. Not to be edited.\n"
NAMES = {
    "shuffler/proto/common.proto": "odp_common",
    "shuffler/proto/task.proto": "odp_task",
    "shuffler/proto/task_assignments.proto": "odp_task_assignments",
}
"""Modules whose file's own name is taken."""


def main(arguments: list[str]) -> int:
    """Writes or compares; returns the exit code."""
    made = {MADE / name: content for name, content in files()}
    kept = {path for path in MADE.iterdir() if not path.name.startswith("_")}
    if "--check" in arguments:
        stale = [path for path, content in made.items() if _read(path) != content]
        for path in (wrong := sorted({*stale, *(kept - set(made))})):
            sys.stderr.write(f"{path.relative_to(ROOT)} is stale: run `python tools/protos.py`\n")
        return 1 if wrong else 0
    for path in kept - set(made):
        path.unlink()
    for path, content in made.items():
        path.write_bytes(content)
    return 0


def files() -> Iterator[tuple[str, bytes]]:
    """Names and contents of all that is made."""
    sources = sorted(str(path.relative_to(PROTO)) for path in PROTO.rglob("*.proto"))
    with tempfile.TemporaryDirectory() as folder:
        described = Path(folder) / "descriptors"
        code = protoc.main(
            [
                "protoc",
                f"--proto_path={PROTO}",
                f"--proto_path={resources.files('grpc_tools') / '_proto'}",
                f"--pyi_out={folder}",
                f"--descriptor_set_out={described}",
                "--include_imports",
                *sources,
            ]
        )
        if code:
            sys.exit(code)
        files = descriptor_pb2.FileDescriptorSet.FromString(described.read_bytes())
        yield "descriptors.binpb", files.SerializeToString(deterministic=True)
        for file in files.file:
            if file.name in sources:
                yield f"{module(file.name)}.py", _names(file).encode()
                stub = Path(folder) / file.name.replace(".proto", "_pb2.pyi")
                yield f"{module(file.name)}.pyi", _stub(file.name, stub.read_text()).encode()


def module(proto: str) -> str:
    """The module that holds a file's messages."""
    return NAMES.get(proto, Path(proto).stem)


def _names(file: descriptor_pb2.FileDescriptorProto) -> str:
    lines = [HEAD.format(file.name), "from ame.protocol.pb import _pool\n"]
    lines += [f'{m.name} = _pool.message("{file.package}.{m.name}")' for m in file.message_type]
    lines += [f'{e.name} = _pool.enum("{file.package}.{e.name}")' for e in file.enum_type]
    lines += [
        f"{v.name} = {e.name}.Value({v.name!r})".replace("'", '"')
        for e in file.enum_type
        for v in e.value
    ]
    return "\n".join(lines) + "\n"


def _stub(proto: str, text: str) -> str:
    """The stub that protoc wrote, with imports of our modules in place of its own."""

    def ours(found: re.Match[str]) -> str:
        path = f"{found['package'].replace('.', '/')}/{found['name']}.proto"
        return f"from ame.protocol.pb import {module(path)} as {found['as']}"

    imports = r"^from (?P<package>(?!google\.protobuf)\S+) import (?P<name>\w+)_pb2 as (?P<as>\w+)$"
    return HEAD.format(proto) + re.sub(imports, ours, text, flags=re.MULTILINE)


def _read(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
