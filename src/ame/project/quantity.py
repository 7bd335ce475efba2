"""Amounts as Kubernetes writes them: `10G`, `123Mi`, `129e6`, `500m`; and spans of time.

The grammar is that of Kubernetes' `resource.Quantity`: a number, then a binary suffix (`Ki` to
`Ei`), a decimal one (`n u m k M G T P E`) or a decimal exponent (`e3`, `E3`). `1E` is an exabyte,
`1E3` is a thousand. What is finer than the unit is rounded up; what is above 2^63-1 is that.
"""

import re
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, ROUND_CEILING, Context, Decimal
from fractions import Fraction

LARGEST = 2**63 - 1

BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50, "Ei": 2**60}
DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
MULTIPLES = {**BINARY, **{suffix: 10**power for suffix, power in DECIMAL.items() if power > 0}}

PATTERN = r"\+?([0-9]+(\.[0-9]*)?|\.[0-9]+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]+)?"
"""A quantity that is not negative, for a JSON Schema. `read` says the same in better words."""

WHOLE = r"\+?([0-9]+(\.0*)?([kMGTPE]|[KMGTPE]i|[eE]\+?[0-9]+)?|[0-9]*000m|0+m)"
"""A quantity that can be no fraction, whatever its digits."""

_EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)
_PARTS = re.compile(r"([+-]?)([0-9]+\.?[0-9]*|\.[0-9]+)(.*)", re.DOTALL)
_EXPONENT = re.compile(r"[eE]([+-]?[0-9]+)")
_WHOLE = re.compile(WHOLE)

_SECONDS: dict[str, Fraction] = {
    "d": Fraction(86400),
    "h": Fraction(3600),
    "m": Fraction(60),
    "s": Fraction(1),
    "ms": Fraction(1, 1000),
}
_SPAN_PARTS = "".join(
    rf"([0-9]{{1,{digits}}}(\.[0-9]+)?{unit})?"
    for unit, digits in (("d", 4), ("h", 4), ("m", 6), ("s", 7), ("ms", 9))
)
SPAN = rf"(?=.*[1-9])([0-9]{{1,9}}|{_SPAN_PARTS})"
"""A span of time: plain seconds, or numbers with units, the larger before the smaller; not 0."""

_SPAN = re.compile(SPAN)
_SPAN_PART = re.compile(r"([0-9.]+)(ms|[dhms])")


def read_bytes(text: str) -> int:
    """Bytes, rounded up.

    Raises:
        ValueError: it is no quantity, or a negative one; the message says what is wrong.

    """
    return _count(text, 1)


def read_cpus(text: str) -> Decimal:
    """CPUs, rounded up to thousandths. Raises as `read_bytes` does."""
    return Decimal(_count(text, 1000)).scaleb(-3).normalize() + 0


def read_gpus(text: str) -> int:
    """Whole GPUs; a fraction of one is refused, since none can be had.

    Raises:
        ValueError: as `read_bytes` does, or it may be a fraction.

    """
    count = _count(text, 1)
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"`{_short(text)}` is no whole number of GPUs; write {max(count, 1)}")
    return count


def read_seconds(text: str) -> float:
    """A span such as `90s`, `30m`, `2h`, `1h30m`, or plain seconds, in seconds.

    Raises:
        ValueError: it is none, or 0.

    """
    if not _SPAN.fullmatch(text):
        raise ValueError(
            f"`{_short(text)}` is no span of time; write it as `90s`, `30m`, `2h` or `1h30m`"
        )
    parts = _SPAN_PART.findall(text) or [(text, "s")]
    return float(sum(Fraction(number) * _SECONDS[unit] for number, unit in parts))


def read_age(text: str) -> float:
    """As `read_seconds`, and none at all: `0`, `0d`."""
    return 0.0 if re.fullmatch(r"0+(ms|[dhms])?", text) else read_seconds(text)


def text_of(amount: int) -> str:
    """The shortest exact way to write a whole amount: 10000000000 is `10G`, 134217728 `128Mi`."""
    exact = [
        f"{amount // size}{suffix}"
        for suffix, size in MULTIPLES.items()
        if amount and amount % size == 0
    ]
    return min([str(amount), *exact], key=lambda text: (len(text), text.endswith("i")))


def _count(text: str, per_unit: int) -> int:
    """How many of `1 / per_unit` the quantity amounts to, rounded up."""
    parts = _PARTS.fullmatch(text)
    if not parts:
        raise ValueError(_refusal(text))
    sign, digits, suffix = parts.groups()
    if sign == "-":
        raise ValueError(f"`{_short(text)}` is negative; write an amount of 0 or more")
    number = Decimal(digits)
    if suffix in BINARY:
        number = _EXACT.multiply(number, BINARY[suffix])
    else:
        power = DECIMAL[suffix] if suffix in DECIMAL else _exponent(text, suffix)
        size = power + number.adjusted()
        if number and not -9 <= size < 19:
            return 1 if size < 0 else LARGEST * per_unit
        number = _EXACT.scaleb(number, power) if power else number
    if per_unit != 1:
        number = _EXACT.multiply(number, per_unit)
    return min(int(number.to_integral_value(ROUND_CEILING)), LARGEST * per_unit)


def _exponent(text: str, suffix: str) -> int:
    """The power of ten of `e3` or `E-3`; beyond reason, one that is beyond every amount."""
    exponent = _EXPONENT.fullmatch(suffix)
    if not exponent:
        raise ValueError(_refusal(text, suffix))
    power = int(exponent[1].lstrip("+-0")[:9] or "0")
    return -power if exponent[1][0] == "-" else power


def _refusal(text: str, suffix: str = "") -> str:
    if not suffix:
        return (
            f"`{_short(text)}` is no quantity; write a number and a unit, such as `10G` or `512Mi`"
        )
    known = [*BINARY, *(name for name in DECIMAL if name)]
    bare = suffix.strip()
    for name in (bare, bare[:-1] if bare[-1:] in "bB" else bare):
        alike = [k for k in known if k.lower() == name.lower()]
        if alike:
            break
    else:
        alike = []
    nearest = f"; the nearest is `{min(alike, key=str.islower)}`" if alike else ""
    return f"`{_short(suffix)}` is no unit of a quantity ({' '.join(known)}){nearest}"


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "..."
