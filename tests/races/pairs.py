"""Races in pairs. What a guard prevents must happen without it, in the same schedule: else the test proves nothing.

    PAIR = Pair("the last unit", schedule, without=lambda: replaced(counters, "GUARD", ""), violation="sold 2 of 1")

    def test_the_last_unit_is_sold_once() -> None:
        assert_kept(PAIR)

    def test_without_its_guard_it_is_sold_twice() -> None:
        assert_lost(PAIR)

`schedule(number)` prepares one round with names of its own, so that nothing needs cleaning between rounds, and answers
who acts at once. The guard is taken away by the test alone: a function replaced, a constraint or trigger dropped in the
test's own database. Needs `pytest.mark.django_db(transaction=True)`.
"""

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from threading import Barrier, Thread
from typing import Any
from unittest import mock

from django.db import connection, models

from shop.errors import DomainError

ROUNDS = 20
PAUSE_SECONDS = 0.01


@dataclass(frozen=True)
class Race:
    """Who begins at the same moment, and what is wrong afterwards: a name such as `sold 2 of 1`, or nothing.

    `violation` gets what the actors answered or raised, in their order.
    """

    actors: Sequence[Callable[[], object]]
    violation: Callable[[list[Any]], str]


@dataclass(frozen=True)
class Pair:
    """`pause_after` is a pattern of statements after which every actor waits a moment, with the guard and without."""

    name: str
    schedule: Callable[[int], Race]
    without: Callable[[], AbstractContextManager[object]]
    violation: str
    pause_after: str = ""


def assert_kept(pair: Pair, *, rounds: int = ROUNDS) -> None:
    """Nothing is wrong in any round, and nobody met an error that is not the shop's own answer: no deadlock either."""
    lost, errors = play(pair, rounds)
    assert lost == {}
    assert errors == {}


def assert_lost(pair: Pair, *, rounds: int = ROUNDS) -> None:
    """Without the guard the named violation happens in at least one round."""
    with pair.without():
        lost, errors = play(pair, rounds)
    told = ", ".join(f"{name} x {times}" for name, times in sorted(lost.items()))
    print(
        f"{pair.name}: {sum(lost.values())} of {rounds} rounds lost without its guard ({told}), errors {dict(errors)}"
    )
    assert pair.violation in lost, f"never {pair.violation!r} in {rounds} rounds: {dict(lost)}, errors {dict(errors)}"


def play(pair: Pair, rounds: int) -> tuple[Counter[str], Counter[str]]:
    """What went wrong by name, and the errors that are not the shop's own answers."""
    lost: Counter[str] = Counter()
    errors: Counter[str] = Counter()
    for number in range(rounds):
        race = pair.schedule(number)
        answers = at_once(race.actors, pause_after=pair.pause_after)
        errors.update(
            f"{type(answer).__name__}: {answer}".splitlines()[0]
            for answer in answers
            if isinstance(answer, Exception) and not isinstance(answer, DomainError)
        )
        if violation := race.violation(answers):
            lost[violation] += 1
    return lost, errors


def at_once(actors: Sequence[Callable[[], object]], *, pause_after: str = "") -> list[Any]:
    """What each answered or raised, in their order. Each has a thread and a connection of its own."""
    barrier = Barrier(len(actors))
    answers: list[Any] = [None] * len(actors)

    def run(place: int) -> None:
        try:
            with pauses(pause_after):
                barrier.wait()
                answers[place] = actors[place]()
        except Exception as error:  # noqa: BLE001 - the test looks at it
            answers[place] = error
        finally:
            connection.close()

    threads = [Thread(target=run, args=(place,)) for place in range(len(actors))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@contextmanager
def pauses(after: str) -> Iterator[None]:
    """Widens the moment between looking and acting, so that a missing guard is missed."""
    if not after:
        yield
        return
    pattern = re.compile(after)

    def wrapper(execute: Callable[..., Any], sql: Any, *rest: Any) -> Any:
        result = execute(sql, *rest)
        if pattern.search(str(sql)):
            time.sleep(PAUSE_SECONDS)
        return result

    with connection.execute_wrapper(wrapper):
        yield


# --- Taking a guard away


@contextmanager
def together(*removals: AbstractContextManager[object]) -> Iterator[None]:
    with ExitStack() as stack:
        for removal in removals:
            stack.enter_context(removal)
        yield


def replaced(owner: Any, name: str, value: object) -> AbstractContextManager[object]:
    return mock.patch.object(owner, name, value)


@contextmanager
def without_constraint(model: type[models.Model], name: str) -> Iterator[None]:
    """Drops a constraint, or the index that is one, by its name; the table is emptied before it is put back."""
    table = model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s", [name])
        constraint = cursor.fetchone()
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = %s", [name])
        index = cursor.fetchone()
    assert constraint or index, f"there is no constraint {name}"
    run(f"ALTER TABLE {table} DROP CONSTRAINT {name}" if constraint else f"DROP INDEX {name}")
    try:
        yield
    finally:
        run(f"TRUNCATE {table} CASCADE")
        run(f"ALTER TABLE {table} ADD CONSTRAINT {name} {constraint[0]}" if constraint else index[0])


def without_unique(model: type[models.Model], column: str) -> AbstractContextManager[None]:
    """Drops what `unique=True` of a field made."""
    with connection.cursor() as cursor:
        constraints = connection.introspection.get_constraints(cursor, model._meta.db_table)
    found = (name for name, each in constraints.items() if each["unique"] and each["columns"] == [column])
    return without_constraint(model, next(name for name in found if not constraints[name]["primary_key"]))


@contextmanager
def without_trigger(table: str, name: str) -> Iterator[None]:
    run(f"ALTER TABLE {table} DISABLE TRIGGER {name}")
    try:
        yield
    finally:
        run(f"ALTER TABLE {table} ENABLE TRIGGER {name}")


def run(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)
