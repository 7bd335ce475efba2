"""Where a run keeps the files of one side: under FLARE's names for the places."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Workspace:
    """The folder of the server or of a site; a run is a folder in it, an app a folder in that."""

    root_dir: str
    """The folder of this side."""
    site_name: str

    @property
    def root(self) -> Path:
        """The folder of this side."""
        return Path(self.root_dir)

    def get_root_dir(self) -> str:
        """The folder of this side."""
        return self.root_dir

    def get_run_dir(self, job_id: str) -> str:
        """The folder of a run: results come here."""
        return str(self.root / job_id)

    get_result_root = get_run_dir
    get_log_root = get_run_dir

    def get_app_dir(self, job_id: str) -> str:
        """The folder of its app: models come here."""
        return f"{self.root_dir}/{job_id}/app_{self.site_name}"

    def get_app_config_dir(self, job_id: str) -> str:
        """Where the app's configuration lies."""
        return str(Path(self.get_app_dir(job_id)) / "config")

    def get_app_custom_dir(self, job_id: str) -> str:
        """Where the job's own code lies."""
        return str(Path(self.get_app_dir(job_id)) / "custom")

    def get_site_config_dir(self) -> str:
        """Where the site's own configuration lies."""
        return str(self.root / "local")

    def get_job_meta_path(self, job_id: str) -> str:
        """What the job says of itself."""
        return str(self.root / job_id / "meta.json")
