import math
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ame.project import quantity

DIGITS = st.from_regex(r"\+?([0-9]{1,25}(\.[0-9]{0,25})?|\.[0-9]{1,25})", fullmatch=True)
SUFFIXES = st.sampled_from([*quantity.BINARY, *quantity.DECIMAL]) | st.from_regex(
    r"[eE][+-]?[0-9]{1,2}", fullmatch=True
)


def exactly(digits: str, suffix: str) -> Fraction:
    number = Fraction(Decimal(digits))
    if suffix in quantity.BINARY:
        return number * quantity.BINARY[suffix]
    power = quantity.DECIMAL[suffix] if suffix in quantity.DECIMAL else int(suffix[1:])
    return number * Fraction(10) ** power


@given(DIGITS, SUFFIXES)
@example("1" + "0" * 30, "e-30")
@example("1" + "0" * 40, "e-5")
@example("0." + "0" * 30, "e40")
def test_an_amount_is_the_number_times_its_unit_rounded_up(digits: str, suffix: str) -> None:
    exact = exactly(digits, suffix)

    assert quantity.read_bytes(digits + suffix) == min(math.ceil(exact), quantity.LARGEST)
    assert quantity.read_cpus(digits + suffix) == min(
        Decimal(math.ceil(exact * 1000)) / 1000, quantity.LARGEST
    )


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("128974848", 128974848),
        ("129e6", 129_000_000),
        ("129M", 129_000_000),
        ("128974848000m", 128974848),
        ("123Mi", 123 * 2**20),
        ("1E", 10**18),
        ("1E3", 1000),
        ("1e3", 1000),
        ("2.5Gi", 5 * 2**29),
        ("2500m", 3),
        (".5k", 500),
        ("1.", 1),
        ("+7", 7),
        ("1n", 1),
        ("0", 0),
        ("0e99", 0),
        ("100E", 2**63 - 1),
        ("1e999999999999999999999", 2**63 - 1),
        ("1e-999999999999999999999", 1),
        ("9" * 5000, 2**63 - 1),
    ],
)
def test_bytes_are_read_as_kubernetes_reads_them(text: str, amount: int) -> None:
    assert quantity.read_bytes(text) == amount


@pytest.mark.parametrize(
    ("text", "cpus"), [("4", "4"), ("0.5", "0.5"), ("500m", "0.5"), ("0.0001", "0.001")]
)
def test_cpus_are_read_to_a_thousandth(text: str, cpus: str) -> None:
    assert str(quantity.read_cpus(text)) == cpus


@pytest.mark.parametrize(
    ("text", "count"), [("1", 1), ("2.0", 2), ("2000m", 2), ("0m", 0), ("1e1", 10), ("1k", 1000)]
)
def test_gpus_are_whole(text: str, count: int) -> None:
    assert quantity.read_gpus(text) == count


@pytest.mark.parametrize("text", ["0.5", "500m", "1.5", "15e-1"])
def test_a_part_of_a_gpu_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"whole number of GPUs; write [12]"):
        quantity.read_gpus(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("-1", "negative"),
        ("-0", "negative"),
        ("NaN", "no quantity"),
        ("inf", "no quantity"),
        ("", "no quantity"),
        (".", "no quantity"),
        ("1_000", "no unit"),
        ("0x10", "no unit"),
        ("10 G", "nearest is `G`"),
        ("10GB", "nearest is `G`"),
        ("10g", "nearest is `G`"),
        ("10gib", "nearest is `Gi`"),
        ("1K", "nearest is `k`"),
        ("1mi", "nearest is `Mi`"),
        ("1ki", "nearest is `Ki`"),
        ("1e", "no unit"),
        ("1e1.5", "no unit"),
        ("1Z", "no unit"),
        ("\u0661", "no quantity"),
    ],
)
def test_what_is_no_quantity_is_refused(text: str, said: str) -> None:
    for read in (quantity.read_bytes, quantity.read_cpus, quantity.read_gpus):
        with pytest.raises(ValueError, match=said):
            read(text)


@given(st.integers(0, quantity.LARGEST))
@example(10**10)
def test_what_is_written_back_is_read_as_the_same(amount: int) -> None:
    assert quantity.read_bytes(quantity.text_of(amount)) == amount


@pytest.mark.parametrize(
    ("amount", "text"),
    [(10**10, "10G"), (2**27, "128Mi"), (1000, "1k"), (1024, "1Ki"), (1025, "1025"), (0, "0")],
)
def test_an_amount_is_written_as_short_as_it_can_be(amount: int, text: str) -> None:
    assert quantity.text_of(amount) == text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("30m", 1800),
        ("2h", 7200),
        ("1h30m", 5400),
        ("45", 45),
        ("250ms", 0.25),
        ("1.5h", 5400),
        ("2d", 172800),
    ],
)
def test_a_span_of_time_is_read_in_seconds(text: str, seconds: float) -> None:
    assert quantity.read_seconds(text) == seconds


def test_an_age_may_be_none_at_all() -> None:
    assert [quantity.read_age(text) for text in ("0", "0d", "2h")] == [0, 0, 7200]
    with pytest.raises(ValueError, match="no span of time"):
        quantity.read_age("-0")


@pytest.mark.parametrize("text", ["0", "0s", "", "-1", "1.5", "30m1h", "5 m", "1w", "h", "nan"])
def test_what_is_no_span_of_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no span of time"):
        quantity.read_seconds(text)
