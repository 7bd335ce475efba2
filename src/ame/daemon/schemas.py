"""What each function takes, as JSON Schema, draft 7."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

Schema = dict[str, Any]
_TEXT: Final[Schema] = {"type": "string"}
_WHOLE: Final[Schema] = {"type": "integer"}
_NUMBER: Final[Schema] = {"type": "number"}
_TEXTS: Final[Schema] = {"type": "array", "items": {"type": "string"}}


def _schema(properties: Mapping[str, Schema], required: list[str]) -> Schema:
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": dict(properties),
        "required": required,
        "additionalProperties": False,
    }


_ID: Final[Mapping[str, Schema]] = {"task_id": _TEXT}
_CLIENT: Final[Mapping[str, Schema]] = {"user_id": _TEXT}
_TASK: Final[Mapping[str, Schema]] = {
    **_ID,
    "host": _TEXT,
    "port": _WHOLE,
    "username": _TEXT,
    "password": _TEXT,
    "files_paths": _TEXTS,
    "selection_criteria": _TEXT,
    "server_arguments": _TEXT,
    "client_arguments": _TEXT,
    "tags": _TEXTS,
}
_ATTRIBUTES: Final[Mapping[str, Schema]] = {
    "data_qnt": _WHOLE,
    "avg_acc_contrib": _NUMBER,
    "avg_disconnection_per_round": _NUMBER,
    "sensors": _TEXTS,
}
_NEEDED: Final = ["task_id", "host", "port", "username", "password", "files_paths"]
SCHEMAS: Final[Mapping[str, Schema]] = {
    "rpc_exec_create_task": _schema(_TASK, _NEEDED),
    "rpc_exec_start_server_task": _schema({**_ID, "arguments": _TEXT}, ["task_id"]),
    "rpc_exec_stop_server_task": _schema(_ID, ["task_id"]),
    "rpc_exec_client_requesting_task": _schema(_CLIENT, ["user_id"]),
    "rpc_exec_update_task": _schema(
        {name: of for name, of in _TASK.items() if name not in {"files_paths", "tags"}}, []
    ),
    "rpc_exec_get_task_by_id": _schema(_ID, ["task_id"]),
    "rpc_exec_update_user_info": _schema({**_CLIENT, **_ATTRIBUTES}, ["user_id"]),
    "rpc_exec_get_user_info": _schema(_CLIENT, ["user_id"]),
}
OF_CLIENTS: Final = frozenset({"rpc_exec_client_requesting_task", "rpc_exec_update_user_info"})
"""What clients call; all else is for operators."""

_MORE: Final[Mapping[str, Schema]] = {"restart": _TEXT}
CREATED: Final = _schema({**_TASK, **_MORE}, _NEEDED)
"""What operators send to register a task."""
UPDATED: Final = _schema(
    {**{name: of for name, of in _TASK.items() if name != "task_id"}, **_MORE}, []
)
"""What they send to change one."""
CLIENT: Final = _schema(_ATTRIBUTES, [])
"""What they send of a client."""
