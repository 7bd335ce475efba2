"""Tables that scripts of estimators read: the label is in the first column."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Rows = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], int]

EXCEL = frozenset({".xls", ".xlsx"})


def load_data(data_path: str, require_header: bool = False) -> Rows:
    """Features, labels, and the number of rows of a CSV file or an Excel sheet.

    Args:
        data_path: the file.
        require_header: whether its first row has the names of the columns.

    Raises:
        ValueError: it is neither a CSV file nor an Excel sheet.
    """
    return _split(_read(data_path, require_header))


def load_data_for_range(data_path: str, start: int, end: int, require_header: bool = False) -> Rows:
    """The same, of the rows from `start` up to, and without, `end`."""
    return _split(_read(data_path, require_header).iloc[start:end])


def _read(data_path: str, require_header: bool) -> Any:
    import pandas as pd

    ending = Path(data_path).suffix.lower()
    if ending != ".csv" and ending not in EXCEL:
        message = f"{data_path} ends in {ending or 'nothing'}; tables are read of .csv, .xls, .xlsx"
        raise ValueError(message)
    read: Any = pd.read_excel if ending in EXCEL else pd.read_csv
    return read(data_path, header=0 if require_header else None)


def _split(table: Any) -> Rows:
    return table.iloc[:, 1:].to_numpy(), table.iloc[:, 0].to_numpy(), len(table)
