"""Every error that `ame` raises on purpose, in one tree: its branches, and what is below each.

The branches are explained in `tree`. A message says what happened, where, and what to do; the
attributes hold the same for programs. All are to be had from here, `errors.RunNotFound`; the
module that has one is imported when the first of its errors is asked for.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Final

from ame.errors.fault import Fault
from ame.errors.tree import (
    Cancelled,
    Conflict,
    Damaged,
    Denied,
    Error,
    Failed,
    Invalid,
    NotFound,
    Unavailable,
    Unsupported,
)

if TYPE_CHECKING:
    from ame.errors.fleet.builder import *
    from ame.errors.fleet.device import *
    from ame.errors.fleet.protocol import *
    from ame.errors.fleet.server import *
    from ame.errors.learning.aggregation import *
    from ame.errors.learning.client import *
    from ame.errors.learning.federation import *
    from ame.errors.learning.flower import *
    from ame.errors.learning.jobs import *
    from ame.errors.learning.simulator import *
    from ame.errors.services.broker import *
    from ame.errors.services.cloud import *
    from ame.errors.services.daemon import *
    from ame.errors.tasks.containers import *
    from ame.errors.tasks.environments import *
    from ame.errors.tasks.process import *
    from ame.errors.tasks.project import *
    from ame.errors.tasks.running import *
    from ame.errors.tasks.secrets import *
    from ame.errors.tasks.storage import *

__all__ = [
    "Cancelled",
    "Conflict",
    "Damaged",
    "Denied",
    "Error",
    "Failed",
    "Fault",
    "Invalid",
    "NotFound",
    "Unavailable",
    "Unsupported",
]

TREE: Final[Mapping[str, Mapping[str, str]]] = {
    "Invalid": {
        "fleet.builder": (
            "ConfigInvalid ConfigUnread ExportRefused ModelInvalid NoiseUnfit PlacesInvalid"
        ),
        "fleet.device": "PlanInvalid",
        "fleet.protocol": "RequestMalformed TensorUnfit TensorsMalformed",
        "fleet.server": (
            "ContributionRefused DoorsOpen PayloadRefused PopulationInvalid RecipeInvalid"
            " TaskInvalid"
        ),
        "learning.aggregation": "AggregationInvalid ArrayUnsupported",
        "learning.client": (
            "MetricsMissing ModelUnread NoDifference NotAModel NothingToSend ParamsUnfit "
            "RankInvalid TrainerUnfit"
        ),
        "learning.federation": "ModelUnfit",
        "learning.flower": (
            "FlowerAppInvalid JobTooLarge SuperLinkExposed SuperLinkInvalid SuperLinkTlsInvalid"
        ),
        "learning.jobs": (
            "ArgumentUnfit CallUnfit ClassUnfit JobFolderInvalid JobInvalid JobTypeInvalid "
            "SitesUnclear"
        ),
        "learning.simulator": "SimulationInvalid",
        "services.broker": "BrokerInvalid FunctionInvalid FunctionRefused MessageUnfit",
        "services.cloud": (
            "ClientInvalid CloudTaskInvalid CodePathInvalid SelectionInvalid SiteConfigInvalid"
        ),
        "services.daemon": "ReportTooLarge",
        "tasks.containers": "VariableUnfit",
        "tasks.environments": "CommandInvalid DependenciesInvalid PythonVersionInvalid",
        "tasks.process": "NotExecutable",
        "tasks.project": "ArgumentsRefused CycleFound PathLeaves ProjectInvalid SettingsInvalid",
        "tasks.secrets": "SecretInvalid VaultInvalid",
        "tasks.storage": "DatabaseUnknown",
    },
    "NotFound": {
        "fleet.builder": "PlaceMissing",
        "fleet.device": "ExamplesMissing",
        "fleet.protocol": "CallUnknown",
        "fleet.server": (
            "AggregationUnknown AssignmentUnknown FleetTaskUnknown OperationUnknown SliceUnknown "
            "PopulationUnknown SessionUnknown"
        ),
        "learning.federation": "ComponentUnknown JobMissing SourceMissing",
        "learning.jobs": "ResourceMissing SiteUnknown",
        "learning.simulator": "NothingToResume",
        "services.broker": "FunctionUnserved QueueUnknown",
        "services.cloud": (
            "ClientUnknown CloudTaskFresh CloudTaskUnknown CodeFileUnknown CodeMissing"
        ),
        "tasks.containers": "ImageMissing",
        "tasks.process": "FolderNotFound ProgramNotFound",
        "tasks.project": "NoProject UnknownTask",
        "tasks.running": "ArtifactNotFound DatasetNotKept RunNotFound",
        "tasks.secrets": "SecretNotFound SecretsMissing VaultSecretNotFound",
        "tasks.storage": "BlobNotFound",
    },
    "Conflict": {
        "fleet.device": "ExamplesTooFew MemoryHeld",
        "fleet.server": (
            "ArtifactsMissing AssignmentEnded ContributionUnneeded RoundMoveRefused"
            " RoundUnfinished SessionEnded TaskMoveRefused"
        ),
        "learning.client": "NoTask NotBegun NothingReceived",
        "learning.federation": "IdTaken NotAFedJob",
        "learning.jobs": "JobConflict",
        "services.cloud": "CloudTaskIdle CloudTaskRuns CloudTaskThere PortTaken",
        "services.daemon": "ServiceKept ServiceRunning",
        "tasks.project": "ProjectTaken ProjectThere TwoProjectFiles",
        "tasks.running": (
            "FileThere NotApproved ResumeRefused ResumedElsewhere RunConflict RunUnfinished"
        ),
        "tasks.secrets": "SecretExists",
        "tasks.storage": "FileChanged",
    },
    "Unavailable": {
        "fleet.builder": "PlaceUnusable ServerUnreachable",
        "fleet.protocol": "RequestTooLarge",
        "fleet.server": (
            "CallsTooMany FilesUnusable KeepingFailed RevocationsUnreadable ServerSilent"
            " ServerUnusable UploadsTooMany"
        ),
        "learning.client": "FlareMissing NoSite",
        "learning.federation": "EngineMissing",
        "learning.flower": "FlowerUnreachable",
        "learning.simulator": "SimulatorFailed",
        "services.broker": "BrokerSilent FunctionSilent",
        "services.cloud": "PortsSpent",
        "services.daemon": "JournalFull ServiceUnstarted",
        "tasks.containers": "ContainerEngineMissing ContainerEngineSilent",
        "tasks.environments": "PythonMissing",
        "tasks.running": "ClaimTooLarge MlflowUnread TooLarge",
        "tasks.secrets": "VaultUnavailable",
        "tasks.storage": "BucketUnusable DatabaseUnusable",
    },
    "Unsupported": {
        "fleet.builder": "GraphRefused OpsUnsupported",
        "fleet.device": "PlanUnsupported",
        "fleet.server": "CallUnserved",
        "learning.federation": "PackageMissing",
        "learning.jobs": "NameNotServed NotExportable",
        "tasks.environments": "DependencyUnsupported",
        "tasks.project": "NotATask",
        "tasks.secrets": "ExtraMissing",
        "tasks.storage": "DatabaseNewer",
    },
    "Denied": {
        "fleet.builder": "AccountDenied PlaceDenied ServerDenies",
        "fleet.device": "AddressUnsafe",
        "fleet.protocol": "Unauthenticated",
        "fleet.server": "TokenRefused",
        "learning.client": "RankSilent",
        "learning.jobs": "ClassRefused JobFolderUnsafe",
        "services.broker": "BrokerDenied",
        "services.cloud": "OfferRefused",
        "tasks.secrets": "KeyExposed KeyLost VaultDenied",
        "tasks.storage": "Unreadable",
    },
    "Failed": {
        "fleet.builder": "ArtifactsFailed BuildRefused ServerFaulty",
        "fleet.device": "FleetGaveUp PlanFailed SimulationFailed VisitFailed",
        "fleet.protocol": "CallFailed",
        "fleet.server": "BudgetSpent RoundEmpty ServerPartFailed ServerRefused",
        "learning.aggregation": "AggregateEmpty AggregateOverflow UpdateRefused",
        "learning.client": "FlareFailed ScriptFailed TaskTimedOut",
        "learning.federation": (
            "ComponentFailed EngineFailed JobPanicked RecipeFailed TooFewResults"
        ),
        "learning.flower": "FlowerRefused FlowerRunFailed",
        "learning.simulator": "NoAnswer",
        "services.broker": "FunctionFailed",
        "services.cloud": "DownloadFailed FunctionRaised ServiceUnstoppable",
        "tasks.containers": "ContainerFailed",
        "tasks.environments": "EnvironmentFailed",
        "tasks.running": "ArtifactMissing DatasetEmpty StepsConflict TimedOut",
    },
    "Cancelled": {
        "learning.client": "JobAborted",
        "learning.federation": "RunOver",
        "learning.flower": "FlowerRunStopped",
    },
    "Damaged": {
        "fleet.device": "MemoryDamaged RecordsDamaged",
        "fleet.server": "KeptDamaged",
        "learning.aggregation": "ArraysDamaged",
        "learning.federation": "SourceUnusable",
        "services.broker": "ReplyUnreadable",
        "tasks.process": "NotAnIdentity",
        "tasks.project": "ProjectsDamaged",
        "tasks.secrets": "SecretsDamaged",
        "tasks.storage": "BlobDamaged DatabaseDamaged",
    },
}
"""The errors of each branch, by the modules that they are in."""

if not TYPE_CHECKING:  # whom it is there for would take any name for an error

    def __getattr__(name: str) -> type[Error]:
        """An error of the tree, when it is first asked for."""
        for branch in TREE.values():
            for module, errors in branch.items():
                if name in errors.split():
                    found = getattr(import_module(f"{__name__}.{module}"), name)
                    globals()[name] = found
                    return found
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        listed = (names.split() for branch in TREE.values() for names in branch.values())
        return sorted({*globals(), *(name for names in listed for name in names)})
