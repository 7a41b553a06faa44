"""Every route, for every persona, with one's own, another's and a missing object: the answers of table.txt."""

import re
from collections import defaultdict
from typing import Any

import pytest

from . import table
from .asking import answer_to, lines_of, people, told
from .routes import Route, routes
from .table import PERSONAS, Line
from .world import World

ROUTES = routes()
BY_PATH: dict[str, list[Line]] = defaultdict(list)
for line in table.read():
    BY_PATH[line.path].append(line)
WITH_OBJECTS = [route for route in ROUTES if any(line.thing == "missing" for line in BY_PATH[route.path])]
STRANGERS = ("anothers", "in-own", "withdrawn")
# The clock, the visitor's own count, the request's own name, and the address that was asked for.
OWN_HEADERS = {"X-Request-Id", "Expires", "RateLimit", "Set-Cookie", "Date"}
AN_ID = re.compile(r"\b(?:[a-z]+_[0-9A-Za-z]{22}|wired-headphones|no-such|WH-\d+)\b")
OTHER_WAYS = ("HEAD", "OPTIONS", "TRACE")


def test_the_table_knows_every_route() -> None:
    assert table.missing_from_file(route.path for route in ROUTES) == []


def test_no_line_promises_an_error_of_ours() -> None:
    """But for a probe of the worker, which does not run while tests do."""
    lines = [line for path, lines in BY_PATH.items() if path != "/readyz" for line in lines]
    assert [line for line in lines if any(answer.startswith("5") for answer in line.answers)] == []


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_answers(route: Route, world: World) -> None:
    assert list(lines_of(route, world)) == BY_PATH[route.path]


@pytest.mark.parametrize("route", WITH_OBJECTS, ids=lambda route: route.path)
def test_anothers_is_as_missing(route: Route, world: World) -> None:
    """Wherever another's is 404: the same status, headers and body as what never was."""
    found = []
    for line in BY_PATH[route.path]:
        if line.thing in STRANGERS:
            for persona, answer in zip(people(world), line.answers, strict=True):
                if answer == "404":
                    theirs = seen(answer_to(route, line.method, line.thing, persona, world))
                    never_was = "missing-in-own" if line.thing == "in-own" else "missing"
                    missing = seen(answer_to(route, line.method, never_was, persona, world))
                    if theirs != missing:
                        found.append((line.method, line.thing, persona.name, differing(theirs, missing)))
    assert found == []


def seen(answer: Any) -> dict[str, Any]:
    body = AN_ID.sub("<id>", b"".join(answer).decode())
    headers = {name: AN_ID.sub("<id>", value) for name, value in answer.items() if name not in OWN_HEADERS}
    headers.pop("Content-Length", None)
    return {"status": answer.status_code, "headers": headers, "body": body}


def differing(one: dict[str, Any], other: dict[str, Any]) -> list[Any]:
    return [(one[name], other[name]) for name in one if one[name] != other[name]]


# --- Another way to the same door


@pytest.mark.parametrize("route", WITH_OBJECTS, ids=lambda route: route.path)
def test_other_methods_and_spellings_open_nothing(route: Route, world: World) -> None:
    ben = world.personas["ben"]
    for line in BY_PATH[route.path]:
        answer = line.answers[PERSONAS.index("ben")]
        if line.thing != "anothers" or answer not in {"404", "403", "sign-in"}:
            continue
        for method in OTHER_WAYS:
            other = answer_to(route, line.method, line.thing, ben, world, sent_as=method)
            assert other.status_code >= 300, (method, line)
        path = encoded(route)
        if path:
            same = answer_to(route, line.method, line.thing, ben, world, path=path)
            assert told(same) == answer, (path, line)


def encoded(route: Route) -> str:
    """The same address with a letter of its last literal part percent-encoded."""
    literal = next((part for part in reversed(route.path.strip("/").split("/")) if not part.startswith("<")), "")
    return route.path.replace(literal, f"%{ord(literal[0]):02x}{literal[1:]}", 1) if literal else ""


@pytest.mark.parametrize("route", [route for route in ROUTES if route.is_api], ids=lambda route: route.path)
def test_the_address_with_a_version_has_the_same_door(route: Route, world: World) -> None:
    ben = world.personas["ben"]
    for line in BY_PATH[route.path]:
        if line.thing in {"-", "anothers", "missing"}:
            versioned = route.path.replace("/api/", "/api/v1/", 1)
            answer = answer_to(route, line.method, line.thing, ben, world, path=versioned)
            assert told(answer) == line.answers[PERSONAS.index("ben")], line
