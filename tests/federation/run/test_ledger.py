from pathlib import Path

import pytest

from ame.federation.run.ledger import Ledger


def test_what_is_spent_adds_up_by_site_and_way_and_is_there_for_the_next(tmp_path: Path) -> None:
    first = Ledger(tmp_path / "spent")
    assert first.spend("a", "gaussian", 0.1) == pytest.approx(0.1)
    assert first.spend("a", "gaussian", 0.2) == pytest.approx(0.3)
    first.spend("a", "svt", 1.0)
    first.spend("b", "gaussian", 5.0)

    after = Ledger(tmp_path / "spent")

    assert after.of("a") == pytest.approx({"gaussian": 0.3, "svt": 1.0})
    assert after.spend("a", "gaussian", 0.1) == pytest.approx(0.4)
    assert after.of("never seen") == {}


def test_a_line_that_was_cut_off_costs_nothing_and_spoils_none_after_it(tmp_path: Path) -> None:
    file = tmp_path / "spent"
    Ledger(file).spend("a", "gaussian", 1.0)
    with file.open("ab") as out:
        out.write(b'\n["a", "gaussian", 0.')

    assert Ledger(file).spend("a", "gaussian", 2.0) == 3.0
    assert Ledger(file).of("a") == {"gaussian": 3.0}
