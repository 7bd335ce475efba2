"""Every error that `ame` raises on purpose.

Error:
    ├── Invalid
    │   ├── AggregationInvalid
    │   ├── ArgumentUnfit
    │   ├── ArgumentsRefused
    │   ├── ArrayUnsupported
    │   ├── BrokerInvalid
    │   ├── ClassUnfit
    │   ├── ClientInvalid
    │   ├── CloudTaskInvalid
    │   ├── CodePathInvalid
    │   ├── CommandInvalid
    │   ├── ConfigInvalid
    │   ├── ConfigUnread
    │   ├── ContributionRefused
    │   ├── CycleFound
    │   ├── DependenciesInvalid
    │   ├── DoorsOpen
    │   ├── ExportRefused
    │   ├── FlowerAppInvalid
    │   ├── FunctionInvalid
    │   ├── FunctionRefused
    │   ├── JobFolderInvalid
    │   ├── JobInvalid
    │   ├── JobTooLarge
    │   ├── JobTypeInvalid
    │   ├── MessageUnfit
    │   ├── MetricsMissing
    │   ├── ModelInvalid
    │   ├── ModelUnfit
    │   ├── ModelUnread
    │   ├── NoDifference
    │   ├── NoiseUnfit
    │   ├── NotAModel
    │   ├── NotExecutable
    │   ├── NothingToSend
    │   ├── ParamsUnfit
    │   ├── PathLeaves
    │   ├── PayloadRefused
    │   ├── PlacesInvalid
    │   ├── PlanInvalid
    │   ├── ProjectInvalid
    │   ├── PythonVersionInvalid
    │   ├── RankInvalid
    │   ├── RecipeInvalid
    │   ├── ReportTooLarge
    │   ├── RequestMalformed
    │   ├── SecretInvalid
    │   ├── SelectionInvalid
    │   ├── SettingsInvalid
    │   ├── SimulationInvalid
    │   ├── SiteConfigInvalid
    │   ├── SitesUnclear
    │   ├── SuperLinkInvalid
    │   ├── TaskInvalid
    │   ├── TensorUnfit
    │   ├── TensorsMalformed
    │   ├── TrainerUnfit
    │   ├── VariableUnfit
    │   └── VaultInvalid
    ├── NotFound
    │   ├── AggregationUnknown
    │   ├── ArtifactNotFound
    │   ├── AssignmentUnknown
    │   ├── BlobNotFound
    │   ├── CallUnknown
    │   ├── ClientUnknown
    │   ├── CloudTaskUnknown
    │   ├── CodeFileUnknown
    │   ├── CodeMissing
    │   ├── ComponentUnknown
    │   ├── DatasetNotKept
    │   ├── ExamplesMissing
    │   ├── FleetTaskUnknown
    │   ├── FolderNotFound
    │   ├── FunctionUnserved
    │   ├── ImageMissing
    │   ├── JobMissing
    │   ├── NoProject
    │   ├── NothingToResume
    │   ├── OperationUnknown
    │   ├── PlaceMissing
    │   ├── PopulationUnknown
    │   ├── ProgramNotFound
    │   ├── QueueUnknown
    │   ├── ResourceMissing
    │   ├── RunNotFound
    │   ├── SecretNotFound
    │   ├── SecretsMissing
    │   ├── ServiceNotFound
    │   ├── SessionUnknown
    │   ├── SiteUnknown
    │   ├── SourceMissing
    │   ├── UnknownTask
    │   └── VaultSecretNotFound
    ├── Conflict
    │   ├── ArtifactsMissing
    │   ├── AssignmentEnded
    │   ├── CloudTaskIdle
    │   ├── CloudTaskRuns
    │   ├── CloudTaskThere
    │   ├── ExamplesTooFew
    │   ├── FileChanged
    │   ├── FileThere
    │   ├── IdTaken
    │   ├── JobConflict
    │   ├── MemoryHeld
    │   ├── NoTask
    │   ├── NotAFedJob
    │   ├── NotApproved
    │   ├── NotBegun
    │   ├── NothingReceived
    │   ├── PortTaken
    │   ├── ProjectTaken
    │   ├── ProjectThere
    │   ├── ResumeRefused
    │   ├── ResumedElsewhere
    │   ├── RoundMoveRefused
    │   ├── RoundUnfinished
    │   ├── RunConflict
    │   ├── RunUnfinished
    │   ├── SecretExists
    │   ├── ServiceKept
    │   ├── ServiceRunning
    │   ├── SessionEnded
    │   ├── TaskMoveRefused
    │   └── TwoProjectFiles
    ├── Unavailable
    │   ├── BrokerSilent
    │   ├── BucketUnusable
    │   ├── CallsTooMany
    │   ├── ClaimTooLarge
    │   ├── ContainerEngineMissing
    │   ├── ContainerEngineSilent
    │   ├── DatabaseUnusable
    │   ├── EngineMissing
    │   ├── FlareMissing
    │   ├── FlowerUnreachable
    │   ├── FunctionSilent
    │   ├── JournalFull
    │   ├── MlflowUnread
    │   ├── NoSite
    │   ├── PlaceUnusable
    │   ├── PortsSpent
    │   ├── PythonMissing
    │   ├── RequestTooLarge
    │   ├── ServerSilent
    │   ├── ServerUnreachable
    │   ├── ServerUnusable
    │   ├── ServiceUnstarted
    │   ├── SimulatorFailed
    │   ├── TooLarge
    │   └── VaultUnavailable
    ├── Unsupported
    │   ├── CallUnserved
    │   ├── DatabaseNewer
    │   ├── DependencyUnsupported
    │   ├── ExtraMissing
    │   ├── GraphRefused
    │   ├── NameNotServed
    │   ├── NotATask
    │   ├── NotExportable
    │   ├── OpsUnsupported
    │   ├── PackageMissing
    │   └── PlanUnsupported
    ├── Denied
    │   ├── AccountDenied
    │   ├── AddressUnsafe
    │   ├── BrokerDenied
    │   ├── ClassRefused
    │   ├── JobFolderUnsafe
    │   ├── KeyExposed
    │   ├── KeyLost
    │   ├── OfferRefused
    │   ├── PlaceDenied
    │   ├── RankSilent
    │   ├── ServerDenies
    │   ├── TokenRefused
    │   ├── Unauthenticated
    │   ├── Unreadable
    │   └── VaultDenied
    ├── Failed
    │   ├── AggregateEmpty
    │   ├── AggregateOverflow
    │   ├── ArtifactMissing
    │   ├── ArtifactsFailed
    │   ├── BudgetSpent
    │   ├── BuildRefused
    │   ├── CallFailed
    │   ├── ComponentFailed
    │   ├── ContainerFailed
    │   ├── DatasetEmpty
    │   ├── DownloadFailed
    │   ├── EngineFailed
    │   ├── EnvironmentFailed
    │   ├── FlareFailed
    │   ├── FleetGaveUp
    │   ├── FlowerRefused
    │   ├── FunctionFailed
    │   ├── FunctionRaised
    │   ├── JobPanicked
    │   ├── NoAnswer
    │   ├── PlanFailed
    │   ├── RoundEmpty
    │   ├── ScriptFailed
    │   ├── ServerFaulty
    │   ├── ServerPartFailed
    │   ├── ServerRefused
    │   ├── ServiceUnstoppable
    │   ├── SimulationFailed
    │   ├── StepsConflict
    │   ├── TaskTimedOut
    │   ├── TimedOut
    │   ├── TooFewResults
    │   ├── UpdateRefused
    │   └── VisitFailed
    ├── Cancelled
    │   ├── JobAborted
    │   └── RunOver
    └── Damaged
        ├── ArraysDamaged
        ├── BlobDamaged
        ├── DatabaseDamaged
        ├── MemoryDamaged
        ├── NotAnIdentity
        ├── ProjectsDamaged
        ├── RecordsDamaged
        ├── ReplyUnreadable
        ├── SecretsDamaged
        └── SourceUnusable

The branches are explained in `tree`. A message says what happened, where, and what to do; the
attributes hold the same for programs. All are to be had from here: `errors.RunNotFound`.
"""

from ame.errors.aggregation import (
    AggregateEmpty,
    AggregateOverflow,
    AggregationInvalid,
    ArraysDamaged,
    ArrayUnsupported,
    UpdateRefused,
)
from ame.errors.broker import (
    BrokerDenied,
    BrokerInvalid,
    BrokerSilent,
    FunctionFailed,
    FunctionInvalid,
    FunctionRefused,
    FunctionSilent,
    FunctionUnserved,
    MessageUnfit,
    QueueUnknown,
    ReplyUnreadable,
)
from ame.errors.builder import (
    AccountDenied,
    ArtifactsFailed,
    BuildRefused,
    ConfigInvalid,
    ConfigUnread,
    ExportRefused,
    GraphRefused,
    ModelInvalid,
    NoiseUnfit,
    OpsUnsupported,
    PlaceDenied,
    PlaceMissing,
    PlacesInvalid,
    PlaceUnusable,
    ServerDenies,
    ServerFaulty,
    ServerUnreachable,
)
from ame.errors.client import (
    FlareFailed,
    FlareMissing,
    JobAborted,
    MetricsMissing,
    ModelUnread,
    NoDifference,
    NoSite,
    NotAModel,
    NoTask,
    NotBegun,
    NothingReceived,
    NothingToSend,
    ParamsUnfit,
    RankInvalid,
    RankSilent,
    ScriptFailed,
    TaskTimedOut,
    TrainerUnfit,
)
from ame.errors.cloud import (
    ClientInvalid,
    ClientUnknown,
    CloudTaskIdle,
    CloudTaskInvalid,
    CloudTaskRuns,
    CloudTaskThere,
    CloudTaskUnknown,
    CodeFileUnknown,
    CodeMissing,
    CodePathInvalid,
    DownloadFailed,
    FunctionRaised,
    OfferRefused,
    PortsSpent,
    PortTaken,
    SelectionInvalid,
    ServiceUnstoppable,
    SiteConfigInvalid,
)
from ame.errors.containers import (
    ContainerEngineMissing,
    ContainerEngineSilent,
    ContainerFailed,
    ImageMissing,
    VariableUnfit,
)
from ame.errors.daemon import (
    JournalFull,
    ReportTooLarge,
    ServiceKept,
    ServiceNotFound,
    ServiceRunning,
    ServiceUnstarted,
)
from ame.errors.device import (
    AddressUnsafe,
    ExamplesMissing,
    ExamplesTooFew,
    FleetGaveUp,
    MemoryDamaged,
    MemoryHeld,
    PlanFailed,
    PlanInvalid,
    PlanUnsupported,
    RecordsDamaged,
    SimulationFailed,
    VisitFailed,
)
from ame.errors.environments import (
    CommandInvalid,
    DependenciesInvalid,
    DependencyUnsupported,
    EnvironmentFailed,
    PythonMissing,
    PythonVersionInvalid,
)
from ame.errors.federation import (
    ComponentFailed,
    ComponentUnknown,
    EngineFailed,
    EngineMissing,
    IdTaken,
    JobMissing,
    JobPanicked,
    ModelUnfit,
    NotAFedJob,
    PackageMissing,
    RunOver,
    SourceMissing,
    SourceUnusable,
    TooFewResults,
)
from ame.errors.fleet import (
    AggregationUnknown,
    ArtifactsMissing,
    AssignmentEnded,
    AssignmentUnknown,
    BudgetSpent,
    CallsTooMany,
    CallUnserved,
    ContributionRefused,
    DoorsOpen,
    FleetTaskUnknown,
    OperationUnknown,
    PayloadRefused,
    PopulationUnknown,
    RecipeInvalid,
    RoundEmpty,
    RoundMoveRefused,
    RoundUnfinished,
    ServerPartFailed,
    ServerRefused,
    ServerSilent,
    ServerUnusable,
    SessionEnded,
    SessionUnknown,
    TaskInvalid,
    TaskMoveRefused,
    TokenRefused,
)
from ame.errors.flower import (
    FlowerAppInvalid,
    FlowerRefused,
    FlowerUnreachable,
    JobTooLarge,
    SuperLinkInvalid,
)
from ame.errors.jobs import (
    ArgumentUnfit,
    ClassRefused,
    ClassUnfit,
    JobConflict,
    JobFolderInvalid,
    JobFolderUnsafe,
    JobInvalid,
    JobTypeInvalid,
    NameNotServed,
    NotExportable,
    ResourceMissing,
    SitesUnclear,
    SiteUnknown,
)
from ame.errors.process import FolderNotFound, NotAnIdentity, NotExecutable, ProgramNotFound
from ame.errors.project import (
    ArgumentsRefused,
    CycleFound,
    Fault,
    NoProject,
    NotATask,
    PathLeaves,
    ProjectInvalid,
    ProjectsDamaged,
    ProjectTaken,
    ProjectThere,
    SettingsInvalid,
    TwoProjectFiles,
    UnknownTask,
)
from ame.errors.protocol import (
    CallFailed,
    CallUnknown,
    RequestMalformed,
    RequestTooLarge,
    TensorsMalformed,
    TensorUnfit,
    Unauthenticated,
)
from ame.errors.running import (
    ArtifactMissing,
    ArtifactNotFound,
    ClaimTooLarge,
    DatasetEmpty,
    DatasetNotKept,
    FileThere,
    MlflowUnread,
    NotApproved,
    ResumedElsewhere,
    ResumeRefused,
    RunConflict,
    RunNotFound,
    RunUnfinished,
    StepsConflict,
    TimedOut,
    TooLarge,
)
from ame.errors.secrets import (
    ExtraMissing,
    KeyExposed,
    KeyLost,
    SecretExists,
    SecretInvalid,
    SecretNotFound,
    SecretsDamaged,
    SecretsMissing,
    VaultDenied,
    VaultInvalid,
    VaultSecretNotFound,
    VaultUnavailable,
)
from ame.errors.simulator import NoAnswer, NothingToResume, SimulationInvalid, SimulatorFailed
from ame.errors.storage import (
    BlobDamaged,
    BlobNotFound,
    BucketUnusable,
    DatabaseDamaged,
    DatabaseNewer,
    DatabaseUnusable,
    FileChanged,
    Unreadable,
)
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

__all__ = [
    "AccountDenied",
    "AddressUnsafe",
    "AggregateEmpty",
    "AggregateOverflow",
    "AggregationInvalid",
    "AggregationUnknown",
    "ArgumentUnfit",
    "ArgumentsRefused",
    "ArrayUnsupported",
    "ArraysDamaged",
    "ArtifactMissing",
    "ArtifactNotFound",
    "ArtifactsFailed",
    "ArtifactsMissing",
    "AssignmentEnded",
    "AssignmentUnknown",
    "BlobDamaged",
    "BlobNotFound",
    "BrokerDenied",
    "BrokerInvalid",
    "BrokerSilent",
    "BucketUnusable",
    "BudgetSpent",
    "BuildRefused",
    "CallFailed",
    "CallUnknown",
    "CallUnserved",
    "CallsTooMany",
    "Cancelled",
    "ClaimTooLarge",
    "ClassRefused",
    "ClassUnfit",
    "ClientInvalid",
    "ClientUnknown",
    "CloudTaskIdle",
    "CloudTaskInvalid",
    "CloudTaskRuns",
    "CloudTaskThere",
    "CloudTaskUnknown",
    "CodeFileUnknown",
    "CodeMissing",
    "CodePathInvalid",
    "CommandInvalid",
    "ComponentFailed",
    "ComponentUnknown",
    "ConfigInvalid",
    "ConfigUnread",
    "Conflict",
    "ContainerEngineMissing",
    "ContainerEngineSilent",
    "ContainerFailed",
    "ContributionRefused",
    "CycleFound",
    "Damaged",
    "DatabaseDamaged",
    "DatabaseNewer",
    "DatabaseUnusable",
    "DatasetEmpty",
    "DatasetNotKept",
    "Denied",
    "DependenciesInvalid",
    "DependencyUnsupported",
    "DoorsOpen",
    "DownloadFailed",
    "EngineFailed",
    "EngineMissing",
    "EnvironmentFailed",
    "Error",
    "ExamplesMissing",
    "ExamplesTooFew",
    "ExportRefused",
    "ExtraMissing",
    "Failed",
    "Fault",
    "FileChanged",
    "FileThere",
    "FlareFailed",
    "FlareMissing",
    "FleetGaveUp",
    "FleetTaskUnknown",
    "FlowerAppInvalid",
    "FlowerRefused",
    "FlowerUnreachable",
    "FolderNotFound",
    "FunctionFailed",
    "FunctionInvalid",
    "FunctionRaised",
    "FunctionRefused",
    "FunctionSilent",
    "FunctionUnserved",
    "GraphRefused",
    "IdTaken",
    "ImageMissing",
    "Invalid",
    "JobAborted",
    "JobConflict",
    "JobFolderInvalid",
    "JobFolderUnsafe",
    "JobInvalid",
    "JobMissing",
    "JobPanicked",
    "JobTooLarge",
    "JobTypeInvalid",
    "JournalFull",
    "KeyExposed",
    "KeyLost",
    "MemoryDamaged",
    "MemoryHeld",
    "MessageUnfit",
    "MetricsMissing",
    "MlflowUnread",
    "ModelInvalid",
    "ModelUnfit",
    "ModelUnread",
    "NameNotServed",
    "NoAnswer",
    "NoDifference",
    "NoProject",
    "NoSite",
    "NoTask",
    "NoiseUnfit",
    "NotAFedJob",
    "NotAModel",
    "NotATask",
    "NotAnIdentity",
    "NotApproved",
    "NotBegun",
    "NotExecutable",
    "NotExportable",
    "NotFound",
    "NothingReceived",
    "NothingToResume",
    "NothingToSend",
    "OfferRefused",
    "OperationUnknown",
    "OpsUnsupported",
    "PackageMissing",
    "ParamsUnfit",
    "PathLeaves",
    "PayloadRefused",
    "PlaceDenied",
    "PlaceMissing",
    "PlaceUnusable",
    "PlacesInvalid",
    "PlanFailed",
    "PlanInvalid",
    "PlanUnsupported",
    "PopulationUnknown",
    "PortTaken",
    "PortsSpent",
    "ProgramNotFound",
    "ProjectInvalid",
    "ProjectTaken",
    "ProjectThere",
    "ProjectsDamaged",
    "PythonMissing",
    "PythonVersionInvalid",
    "QueueUnknown",
    "RankInvalid",
    "RankSilent",
    "RecipeInvalid",
    "RecordsDamaged",
    "ReplyUnreadable",
    "ReportTooLarge",
    "RequestMalformed",
    "RequestTooLarge",
    "ResourceMissing",
    "ResumeRefused",
    "ResumedElsewhere",
    "RoundEmpty",
    "RoundMoveRefused",
    "RoundUnfinished",
    "RunConflict",
    "RunNotFound",
    "RunOver",
    "RunUnfinished",
    "ScriptFailed",
    "SecretExists",
    "SecretInvalid",
    "SecretNotFound",
    "SecretsDamaged",
    "SecretsMissing",
    "SelectionInvalid",
    "ServerDenies",
    "ServerFaulty",
    "ServerPartFailed",
    "ServerRefused",
    "ServerSilent",
    "ServerUnreachable",
    "ServerUnusable",
    "ServiceKept",
    "ServiceNotFound",
    "ServiceRunning",
    "ServiceUnstarted",
    "ServiceUnstoppable",
    "SessionEnded",
    "SessionUnknown",
    "SettingsInvalid",
    "SimulationFailed",
    "SimulationInvalid",
    "SimulatorFailed",
    "SiteConfigInvalid",
    "SiteUnknown",
    "SitesUnclear",
    "SourceMissing",
    "SourceUnusable",
    "StepsConflict",
    "SuperLinkInvalid",
    "TaskInvalid",
    "TaskMoveRefused",
    "TaskTimedOut",
    "TensorUnfit",
    "TensorsMalformed",
    "TimedOut",
    "TokenRefused",
    "TooFewResults",
    "TooLarge",
    "TrainerUnfit",
    "TwoProjectFiles",
    "Unauthenticated",
    "Unavailable",
    "UnknownTask",
    "Unreadable",
    "Unsupported",
    "UpdateRefused",
    "VariableUnfit",
    "VaultDenied",
    "VaultInvalid",
    "VaultSecretNotFound",
    "VaultUnavailable",
    "VisitFailed",
]
