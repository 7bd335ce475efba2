"""`ame fed`: federated jobs."""

from ame.cli.main import Commands

group = Commands(
    name="fed",
    help="Run federated jobs, check them, and export them for NVFLARE.",
    table={
        "run": ("ame.cli.fed.run:command", "Run a federated job on simulated sites."),
        "check": ("ame.cli.fed.check:command", "Show what runs where, and what is wrong."),
        "export": ("ame.cli.fed.export:command", "Write the folder that NVFLARE runs."),
    },
)
