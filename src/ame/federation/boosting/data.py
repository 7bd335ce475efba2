"""`XGBDataLoader`: a site's data for XGBoost."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from ame import errors


class XGBDataLoader(ABC):
    """Gives a site its data. A user implements `load_data`."""

    _client_id = ""
    _rank = 0
    _data_split_mode: Any = 0

    def initialize(self, client_id: str, rank: int, data_split_mode: Any = 0) -> None:
        """Hears which site it is for, and the site's number among all, from 0."""
        self._client_id = client_id
        self._rank = rank
        self._data_split_mode = data_split_mode

    @property
    def client_id(self) -> str:
        """The site's name."""
        return self._client_id

    @property
    def rank(self) -> int:
        """The site's number, from 0."""
        return self._rank

    @property
    def data_split_mode(self) -> Any:
        """How the data of all lie at sites: 0, by rows."""
        return self._data_split_mode

    @abstractmethod
    def load_data(self) -> tuple[Any, Any]:
        """A `DMatrix` to train on, and one to validate on."""


class CSVDataLoader(XGBDataLoader):
    """Reads `FOLDER/SITE/train.csv` and `valid.csv`: without header, the label first."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def load_data(self) -> tuple[Any, Any]:
        """The two tables.

        Raises:
            errors.SourceMissing: a file is not there.
        """
        import numpy as np
        import xgboost

        made = []
        for name in ("train.csv", "valid.csv"):
            path = Path(self.folder) / self.client_id / name
            if not path.is_file():
                raise errors.SourceMissing(type(self).__name__, path)
            rows = np.loadtxt(path, delimiter=",", ndmin=2)
            made.append(xgboost.DMatrix(rows[:, 1:], label=rows[:, 0]))
        return made[0], made[1]
