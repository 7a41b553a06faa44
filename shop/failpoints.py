"""Named points at which a test lets this process die, wait, fail or lose its database, to see what survives it.

`settings.FAILPOINTS` is the folder in which points are armed, and None in every shop that takes money: `shop.checks`
refuses it there, and the setting itself stays None over https or with a live key. Unarmed, a point costs one look.

A point's file names its action and how often it strikes. Each strike is a file of its own, made before the action: it
counts after `kill -9` too, and of many processes that come by at once only as many strike as were asked for.
"""

import os
import signal
import socket
import time
from pathlib import Path
from typing import Literal, get_args

from django.conf import settings
from django.db import connection

Action = Literal["kill9", "sleep", "raise", "drop"]


class Struck(Exception):
    """What `raise` raises: no error of the shop's own, so that nothing expects it."""


def reach(name: str) -> None:
    """Strikes if `name` is armed in this shop. Nothing else: no code may depend on being asked."""
    if settings.FAILPOINTS is not None:
        _reach(Path(settings.FAILPOINTS), name)


def arm(folder: Path, name: str, action: Action, *, times: int = 1, milliseconds: int = 0) -> None:
    """Lets the next `times` processes that reach `name` be struck. What was counted before is forgotten."""
    if action not in get_args(Action):
        raise ValueError(f"no action is called {action}")
    disarm(folder, name)
    place = folder / name
    place.mkdir(parents=True)
    draft = place / "draft"
    draft.write_text(f"{action} {times} {milliseconds}")
    draft.rename(place / "armed")


def disarm(folder: Path, name: str) -> None:
    place = folder / name
    for file in place.glob("*"):
        file.unlink(missing_ok=True)
    if place.exists():
        place.rmdir()


def hits(folder: Path, name: str) -> int:
    """How often `name` has struck since it was armed."""
    return len(list((folder / name).glob("hit-*")))


def _reach(folder: Path, name: str) -> None:
    try:
        action, times, milliseconds = (folder / name / "armed").read_text().split()
    except FileNotFoundError:
        return
    if not _claims_a_strike(folder / name, int(times)):
        return
    match action:
        case "kill9":
            os.kill(os.getpid(), signal.SIGKILL)
        case "sleep":
            time.sleep(int(milliseconds) / 1000)
        case "drop":
            connection.ensure_connection()
            # Below psycopg, as a network fails: no rollback is sent and nobody says goodbye.
            with socket.socket(fileno=os.dup(connection.connection.fileno())) as wire:
                wire.shutdown(socket.SHUT_RDWR)
        case _:
            raise Struck(name)


def _claims_a_strike(place: Path, times: int) -> bool:
    for number in range(1, times + 1):
        try:
            os.close(os.open(place / f"hit-{number}", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            return True
        except FileExistsError:
            continue
    return False
