"""PostgreSQL and Valkey: the person's own where the variables name them, embedded ones otherwise."""

from pathlib import Path

from launcher.postgres import Postgres, pg_bin_dir
from launcher.processes import Supervisor
from launcher.terminal import Problem, step
from launcher.valkey import Valkey, server_binary


def start_servers(
    supervisor: Supervisor, environment: dict[str, str], *, venv: Path, data_dir: Path, lossy: bool = False
) -> None:
    """Starts what is missing and writes DATABASE_URL and REDIS_URL into `environment`. Errors: Problem.

    `lossy` trades safety in a power cut for speed: for tests only.
    """
    with step("PostgreSQL") as progress:
        if "DATABASE_URL" in environment:
            progress.remark = "yours (DATABASE_URL)"
        else:
            postgres = Postgres(data_dir, pg_bin_dir(venv), lossy=lossy)
            postgres.start(supervisor)
            environment["DATABASE_URL"] = postgres.url
    with step("Valkey") as progress:
        if "REDIS_URL" in environment:
            progress.remark = "yours (REDIS_URL)"
        else:
            valkey = Valkey(data_dir, server_binary(venv), lossy=lossy)
            valkey.start(supervisor)
            environment["REDIS_URL"] = valkey.url


def prepare_data_dir(data_dir: Path) -> None:
    """For the owner only: it holds customers' mails and addresses."""
    try:
        data_dir.parent.mkdir(parents=True, exist_ok=True)
        for folder in (data_dir, data_dir / "log"):
            folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise Problem(
            f"The data folder {data_dir} can't be made: {error.strerror}. Give another: --data-dir DIR"
        ) from error
