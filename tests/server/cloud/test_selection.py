import time
from typing import Any

import pytest

from ame import errors
from ame.server.cloud import selection

CLIENT: dict[str, Any] = {
    "ID": "site-1",
    "data_qnt": 323,
    "avg_acc_contrib": 0.12,
    "avg_disconnection_per_round": None,
    "sensors": ["camera", "ecu"],
}


def selects(text: str, **more: Any) -> bool:
    return selection.read(text).selects({**CLIENT, **more})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  \n",
        '(data_qnt > 50) and ("camera" in sensors)',
        " data_qnt > 50",
        "100 < data_qnt <= 323",
        "data_qnt * 2 - 6 == 640 and data_qnt // 100 == 3 and data_qnt % 100 == 23",
        "ID in ('site-1', 'site-2')",
        "'lidar' not in sensors",
        "not data_qnt < 50",
        "data_qnt",
        "sensors == ['camera', 'ecu']",
        "-data_qnt < +0.5 and 2 ** 3 == 8 and 1 / 4 == 0.25",
        "'cam' in 'camera'",
        "True or nobody",
        "data_qnt > 50 or nobody > 3",
        "data_qnt is not None",
        "'site' + '-1' == ID",
    ],
)
def test_a_criterion_selects_a_client_of_which_it_is_true(text: str) -> None:
    assert selects(text)


@pytest.mark.parametrize(
    "text",
    [
        "data_qnt > 1000",
        "False",
        "0",
        "sensors == []",
        "data_qnt > 50 and 'lidar' in sensors",
        # of what is not known
        "nobody",
        "not nobody",
        "nobody == nobody",
        "nobody != 3",
        "nobody is None",
        "avg_disconnection_per_round < 1",
        "not (avg_disconnection_per_round < 1)",
        "avg_disconnection_per_round + 1 > 0",
        "nobody or False",
        "nobody and True",
        "nobody not in sensors",
        "5 in (nobody, 6)",
        "[nobody] == [3]",
        # of what cannot be computed
        "data_qnt < 'many'",
        "not (data_qnt < 'many')",
        "data_qnt / 0 == 1 or False",
        "3 in data_qnt",
        "'a' * 1000000000 == ''",
        "9 ** 9 ** 9 > 1",
        "(-8) ** 0.5 == 1",
        "1e308 * 10 - 1e308 * 10 == 0",
    ],
)
def test_a_criterion_that_is_false_or_not_known_selects_nobody(text: str) -> None:
    assert not selects(text)


def test_what_is_not_known_does_not_matter_where_the_rest_decides() -> None:
    assert selects("5 in (nobody, 5)")
    assert not selects("not (data_qnt > 50 or nobody)")
    assert selects("not (data_qnt < 50 and nobody)")


@pytest.mark.parametrize(
    ("text", "line", "column", "why"),
    [
        ("().__class__", 1, 1, "an attribute"),
        ("data_qnt > 3 and len(sensors) > 1", 1, 18, "a call"),
        ("sensors[0] == 'camera'", 1, 1, "an index"),
        ("  x >", 1, 6, "invalid syntax"),
        ("(data_qnt >\n 3) and (lambda: 1)", 2, 10, "a lambda"),
        ("'é' == f'{x}'", 1, 8, "a formatted string"),
        ("[y for y in sensors]", 1, 1, "a comprehension"),
        ("{'a': 1}", 1, 1, "a dict"),
        ("1 if x else 2", 1, 1, "`if` and `else`"),
        ("x & 1", 1, 1, "`x & 1`"),
        ("~x", 1, 1, "`~x`"),
        ("x is 3", 1, 6, "`is` is for"),
        ("b'x' == x", 1, 1, "is not allowed"),
        ("3j == x", 1, 1, "is not allowed"),
        ("... == x", 1, 1, "is not allowed"),
        ("(*x,) == 1", 1, 2, "a star"),
        ("(y := 3) > 2", 1, 2, "an assignment"),
        ("import os", 1, 1, "invalid syntax"),
        ("x\0", 1, 1, ""),
        ("not " * 900 + "x", 1, 1, ""),
        ("(" * 300 + "x", 1, 200, ""),
        ("-" * 4000 + "1", 1, 1, ""),
        ("x" * 5000, 1, 4097, "over 4096"),
        ("9" * 4500, 1, 1, ""),
    ],
)
def test_all_else_is_refused_where_it_stands(text: str, line: int, column: int, why: str) -> None:
    with pytest.raises(errors.SelectionInvalid, match=None) as refused:
        selection.read(text)

    assert why in refused.value.why
    if len(text) < 200:
        assert (refused.value.line, refused.value.column) == (line, column)


def test_no_criterion_takes_long_or_raises() -> None:
    began = time.process_time()
    for text in (
        "(2 ** 200) ** 200 == 0",
        " + ".join(["sensors"] * 90) + " == []",
        " and ".join(["data_qnt > 3"] * 200),
        "data_qnt " + "* data_qnt " * 90 + "== 0",
    ):
        selects(text)

    assert time.process_time() - began < 2


def test_values_of_a_client_that_are_odd_break_nothing() -> None:
    assert not selects("data_qnt > 3", data_qnt=[1, {"a": 2}])
    assert not selects("'camera' in sensors", sensors=5)
    assert selects("'camera' in sensors", sensors={"camera": 1})
