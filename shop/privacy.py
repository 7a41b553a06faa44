"""What the shop knows of a person: every app registers its part, so that nothing is left out of a copy or an erasure.

Two promises: who asks gets a copy of everything, and who leaves is forgotten, except for what the books must keep.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any


def _nothing(*_: Any) -> None:
    return None


def _no_objection(user: Any) -> str:
    return ""


@dataclass(frozen=True)
class Part:
    """`export` answers what JSON can say. `erase` runs in the erasure's transaction. `objection` is asked after it, in
    words for the person, when no row of theirs can appear any more. `expire` forgets what was kept long enough.
    """

    name: str
    export: Callable[[Any], Any]
    erase: Callable[[Any, datetime], None] = _nothing
    objection: Callable[[Any], str] = _no_objection
    expire: Callable[[datetime], None] = _nothing


_registry: dict[str, Part] = {}


def register(part: Part) -> None:
    """Called from `AppConfig.ready()`, so that parts stand in the order of INSTALLED_APPS."""
    _registry[part.name] = part


def parts() -> list[Part]:
    return list(_registry.values())


def export(user: Any) -> Iterator[tuple[str, Any]]:
    """Name and data of every part, one at a time: nobody's whole history needs to fit into memory twice."""
    for part in parts():
        yield part.name, part.export(user)


def erase(user: Any, now: datetime) -> list[str]:
    """Erases every part, from the top of the house down, and answers the objections. With any, roll back.

    Must run in a transaction. Locks: what each part says; carts come before the account itself.
    """
    for part in reversed(parts()):
        part.erase(user, now)
    return [reason for part in parts() if (reason := part.objection(user))]


def expire(now: datetime) -> None:
    for part in parts():
        part.expire(now)
