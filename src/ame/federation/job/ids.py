"""Ids of components: free ones, by NVFLARE's rule."""

import re
from collections.abc import Container


def free(wanted: str, taken: Container[str]) -> str:
    """`wanted`, or what follows from it until one is free.

    What follows: the first number in it, wherever it stands, becomes the next number; without a
    number, 1 is put behind. So `c9` is followed by `c10`, `m1_11` by `m2_22`, `x` by `x1`.
    """
    while wanted in taken:
        number = re.search("[0-9]+", wanted)
        wanted = wanted.replace(number[0], str(int(number[0]) + 1)) if number else wanted + "1"
    return wanted
