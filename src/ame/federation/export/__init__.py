"""Jobs as NVFLARE's folders: written for its versions 2.7 and 2.9, and read."""

from collections.abc import Sequence
from pathlib import Path

from ame import errors
from ame.federation.program import Program, Version


def write(
    program: Program,
    job_root: Path,
    *,
    version: Version = "2.7",
    clients: int | Sequence[str] | None = None,
) -> Path:
    """Writes the folder `job_root/NAME`, whole or not at all, and returns it.

    An earlier export of the same name is replaced. Everything that travels lies in it: code with
    NVFLARE's names instead of ours, and the weights of the initial model.

    Args:
        program: the job.
        job_root: the folder in which that of the job comes to lie.
        version: of NVFLARE; its versions do not read one another's jobs.
        clients: how many, or their names; needed where some clients have parts of their own
            beside those of all.

    Raises:
        errors.NotExportable: NVFLARE has no counterpart of a part, or of an argument.
        errors.SitesUnclear: `clients` is missing, or contradicts the job.
        errors.JobConflict: a folder of that name is there which is no job.
    """
    from ame.federation.export import folder, writing

    return folder.put(writing.files(program, version, clients), job_root / program.name)


def read(folder: Path) -> Program:
    """The job that a folder of NVFLARE's holds.

    Nothing in it is imported or run for this, and it can name no class but those of its own code
    and those that `ame` serves.

    Raises:
        errors.JobFolderInvalid: it is no job, or NVFLARE would not take it either.
        errors.JobFolderUnsafe: a path in it leads out of it.
        errors.ClassRefused: it names another class.
    """
    from ame.federation.export.reading import program_of

    try:
        return program_of(folder)
    except RecursionError:
        raise errors.JobFolderInvalid(str(folder), "its files nest too deeply") from None
