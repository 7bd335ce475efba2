"""`DXO`: what a `Shareable` holds, with its kind and metadata."""

import copy
from enum import Enum
from pathlib import Path
from typing import Any

from ame.federation.spec.names.keys import MetaKey
from ame.federation.spec.shareable import ReservedHeaderKey, Shareable

__all__ = [
    "DXO",
    "DataKind",
    "MetaKey",
    "from_bytes",
    "from_dict",
    "from_file",
    "from_shareable",
    "get_leaf_dxos",
]

_DXO = "DXO"
_KIND = "kind"
_DATA = "data"
_META = "meta"


class DataKind(str, Enum):
    """What the data of a DXO is."""

    FL_MODEL = "FL_MODEL"
    WEIGHTS = "WEIGHTS"
    WEIGHT_DIFF = "WEIGHT_DIFF"
    METRICS = "METRICS"
    ANALYTIC = "ANALYTIC"
    COLLECTION = "COLLECTION"
    STATISTICS = "STATISTICS"
    PSI = "PSI"
    APP_DEFINED = "APP_DEFINED"


class DXO:
    """Data of a kind, with metadata."""

    def __init__(
        self, data_kind: str, data: Any = None, meta: dict[str, Any] | None = None
    ) -> None:
        """Of a `COLLECTION`, `data` are DXOs by name.

        Raises:
            ValueError: `data` is no dict though its kind asks for one, or `meta` is none.
        """
        self.data_kind = data_kind
        self.data = {} if data is None else data
        self.meta: dict[str, Any] = {} if meta is None else meta
        wrong = self.validate()
        if wrong:
            message = f"invalid DXO: {wrong}"
            raise ValueError(message)

    def get_meta_prop(self, key: str, default: Any = None) -> Any:
        """One property of the metadata."""
        return self.meta.get(key, default) if self.meta else default

    def set_meta_prop(self, key: str, value: Any) -> None:
        """Set one property of the metadata."""
        self.meta[key] = value

    def remove_meta_props(self, keys: list[str]) -> None:
        """Remove those that are there."""
        for key in keys or ():
            self.meta.pop(key, None)

    def get_meta_props(self) -> dict[str, Any]:
        """All metadata."""
        return self.meta

    def update_meta_props(self, meta: dict[str, Any]) -> None:
        """Take over a copy of `meta`."""
        self.meta.update(copy.deepcopy(meta))

    def to_dict(self) -> dict[str, Any]:
        """Kind, data and metadata under their keys."""
        return {_KIND: self.data_kind, _DATA: self.data, _META: self.meta}

    def update_shareable(self, s: Shareable) -> Shareable:
        """Make this what `s` holds."""
        s.set_header(ReservedHeaderKey.CONTENT_TYPE, _DXO)
        s[_DXO] = self.to_dict()
        return s

    def to_shareable(self) -> Shareable:
        """A new `Shareable` that holds this."""
        return self.update_shareable(Shareable())

    def to_bytes(self) -> bytes:
        """All of it as bytes, without pickle."""
        from ame.federation.exchange import codec

        return codec.pack(self)

    def to_file(self, file_path: str) -> None:
        """The bytes, in a file."""
        Path(file_path).write_bytes(self.to_bytes())

    def validate(self) -> str:
        """What is wrong with it, or nothing."""
        if self.data is None:
            return "missing data"
        if self.data_kind != DataKind.APP_DEFINED and not isinstance(self.data, dict):
            return f"its data must be a dict, not {type(self.data).__name__}"
        if not isinstance(self.meta, dict):
            return f"its meta must be a dict, not {type(self.meta).__name__}"
        return ""

    def add_filter_history(self, filter_name: str | list[str] | None) -> None:
        """Note which filters it went through."""
        if not filter_name:
            return
        names = [filter_name] if isinstance(filter_name, str) else filter_name
        self.meta.setdefault(MetaKey.FILTER_HISTORY, []).extend(names)

    def get_filter_history(self) -> Any:
        """The filters it went through."""
        return self.get_meta_prop(MetaKey.FILTER_HISTORY)


def from_shareable(s: Shareable) -> DXO:
    """The DXO that `s` holds; its data is not copied.

    Raises:
        ValueError: it holds none.
    """
    content = s.get_header(ReservedHeaderKey.CONTENT_TYPE)
    if content != _DXO:
        message = f"the shareable holds no DXO: its content is {content or 'not said'}"
        raise ValueError(message)
    encoded = s.get(_DXO)
    if not encoded:
        raise ValueError("the shareable holds no DXO: its content is missing")
    return from_dict(encoded)


def from_dict(encoded: dict[str, Any]) -> DXO:
    """What `DXO.to_dict` made."""
    if not isinstance(encoded, dict):
        message = f"a DXO is encoded as a dict, not {type(encoded).__name__}"
        raise ValueError(message)  # noqa: TRY004 (as FLARE's callers expect)
    return DXO(data_kind=encoded.get(_KIND, ""), data=encoded.get(_DATA), meta=encoded.get(_META))


def from_bytes(data: bytes) -> DXO:
    """What `DXO.to_bytes` made."""
    from ame.federation.exchange import codec

    found = codec.unpack(data)
    if not isinstance(found, DXO):
        message = f"the bytes hold a {type(found).__name__}, not a DXO"
        raise ValueError(message)  # noqa: TRY004 (it is the bytes that are wrong)
    return found


def from_file(file_path: str) -> DXO:
    """What `DXO.to_file` wrote."""
    return from_bytes(Path(file_path).read_bytes())


def get_leaf_dxos(dxo: DXO, root_name: str = "") -> tuple[dict[str, DXO], list[str]]:
    """The DXOs of a tree of collections that are none, by dotted path; and what is wrong in it."""
    leaves: dict[str, DXO] = {}
    wrong: list[str] = []
    seen: set[int] = set()

    def visit(node: object, name: str) -> None:
        if id(node) in seen:
            return
        seen.add(id(node))
        if not isinstance(node, DXO):
            wrong.append(f"`{name}` must be a DXO, not {type(node).__name__}")
        elif node.data_kind != DataKind.COLLECTION:
            leaves[name] = node
        elif not isinstance(node.data, dict):
            wrong.append(f"`{name}` is a collection of {type(node.data).__name__}, not of a dict")
        else:
            for key, child in node.data.items():
                visit(child, f"{name}.{key}")

    visit(dxo, root_name)
    return leaves, wrong
