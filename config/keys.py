import os
import secrets
from pathlib import Path


def kept_key(data_dir: Path) -> str:
    """The signing key of an installation that was given none: made once, readable by its owner alone.

    A key made anew for each process would sign everybody out, and two workers would not trust each other's cookies.
    """
    file = data_dir / "secrets" / "secret-key"
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return file.read_text().strip()
    with os.fdopen(descriptor, "w") as handle:
        handle.write(secrets.token_urlsafe(48))
    return file.read_text()
