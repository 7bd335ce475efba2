"""Data sets in the database of the runs."""

from ame.runs import datasets
from ame.runs.state import State
from ame.storage.sqlite import rows
from ame.storage.sqlite.connections import Connections

_DATASET = "SELECT project, name, key, manifest, size, created, state, run FROM dataset"


class Table:
    """What `datasets.Datasets` promises, over connections that belong to another."""

    def __init__(self, file: Connections) -> None:
        self._file = file

    def find(self, project: str, name: str, key: str) -> datasets.Dataset | None:
        with self._file.read() as connection:
            row = connection.execute(
                f"{_DATASET} WHERE project = ? AND name = ? AND key = ?", (project, name, key)
            ).fetchone()
        return None if row is None else _dataset_of(row)

    def save(self, dataset: datasets.Dataset) -> None:
        with self._file.write() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO dataset"
                " (project, name, key, manifest, size, created, state, run)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    dataset.project,
                    dataset.name,
                    dataset.key,
                    dataset.manifest,
                    dataset.size,
                    rows.ticks(dataset.created),
                    dataset.state.value,
                    dataset.run,
                ),
            )

    def list(self, project: str = "") -> tuple[datasets.Dataset, ...]:
        with self._file.read() as connection:
            found = connection.execute(
                f"{_DATASET} WHERE project = ?1 OR ?1 = ''"
                " ORDER BY project, name, created DESC, key",
                (project,),
            ).fetchall()
        return tuple(map(_dataset_of, found))

    def remove(self, dataset: datasets.Dataset) -> None:
        with self._file.write() as connection:
            connection.execute(
                "DELETE FROM dataset WHERE project = ? AND name = ? AND key = ?",
                (dataset.project, dataset.name, dataset.key),
            )


def _dataset_of(row: rows.Row) -> datasets.Dataset:
    return datasets.Dataset(
        project=row[0],
        name=row[1],
        key=row[2],
        manifest=row[3],
        size=row[4],
        created=rows.moment(row[5]),
        state=State(row[6]),
        run=row[7],
    )
