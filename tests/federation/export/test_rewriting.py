"""Code that travels speaks NVFLARE's names."""

import pytest

from ame import errors
from ame.federation.export.rewriting import rewritten


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("import ame.federation.client as flare", "import nvflare.client as flare"),
        (
            "if 1:\n  from ame.federation.spec.dxo import (\n    DXO,\n    DataKind as K)",
            "if 1:\n  from nvflare.apis.dxo import DXO; from nvflare.apis.dxo import DataKind as K",
        ),
        (
            "x = 1; from ame.federation.client.tracking import SummaryWriter; y = 2",
            "x = 1; from nvflare.client.tracking import SummaryWriter; y = 2",
        ),
        ("import os, ame.federation.client as c", "import os; import nvflare.client as c"),
        ("name = 'ame'", "name = 'ame'"),
    ],
)
def test_imports_are_replaced_where_they_stand(ours: str, theirs: str) -> None:
    assert rewritten(ours.encode(), "m.py", "2.9").decode() == theirs


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("import ame.federation.client", "write"),
        ("from ame.federation.components.robust import MedianAggregator", "does not have"),
        ("from ame import process", "it imports `ame.process`"),
        ("from ame.federation.spec.dxo import Nothing", "Nothing"),
    ],
)
def test_an_import_that_nvflare_lacks_is_refused_with_its_line(line: str, why: str) -> None:
    with pytest.raises(errors.NotExportable, match=rf"`m\.py:2`.*{why}"):
        rewritten(f"\n{line}\n".encode(), "m.py", "2.7")


@pytest.mark.parametrize(
    "line", ["import nvflare.client as f", "from ame.federation import client as f"]
)
def test_what_a_script_uses_of_the_client_that_a_version_lacks_is_refused(line: str) -> None:
    script = f"{line}\nf.init()\nprint(f.get_task_name())\n".encode()

    assert b"nvflare.client as f" in rewritten(script, "m.py", "2.9")
    with pytest.raises(errors.NotExportable, match=r"`m\.py:3`.*`f\.get_task_name`"):
        rewritten(script, "m.py", "2.7")
