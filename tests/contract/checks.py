"""What is asked of every endpoint alike: it answers its golden file, refuses what is bad, and keeps strangers out."""

import copy
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from django.urls import Resolver404, resolve

from .compare import differences, golden, parse
from .endpoints import MISSING, Endpoint, Owned, Refused
from .world import World

OWN_ID = re.compile(r"[a-z]+_[0-9A-Za-z]{22}")
BAD_IDS = [
    "1", "-1", "null", "search", "..", "..%2F..%2Fetc", "%00", "a%00b", "%ff", "%F0%9F%8E%A7", "%27%20OR%201=1--",
    "%25", "a" * 10_000,
]  # fmt: skip
# One parser reads all bodies; shop/tests/test_json_bodies.py asks it the rest.
BAD_BODIES = [
    b"", b"{", b"[]", b'"text"', b"1", b"null", b"{} {}", b"\xff\xfe", b'{"a": NaN}', b'{"a": "\\u0000"}',
    b'{"a": "\\ud800"}', b'{"a": 1, "a": 1}', b'{"a": ' + b"9" * 5000 + b"}", b"[" * 30_000,
    b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
]  # fmt: skip
FOREIGN_TYPES = [
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "text/plain",
    "application/xml",
]
STRANGE_NAMES = ["unheardOf", "isStaff", "__proto__", "", "x" * 1000]
MACHINE_SPEAK = re.compile(
    r"Input should|should (have|match|be)|not permitted|Field required|Value error|valid choice|\[key\]|\^\["
)
# What a refusal tells beside its text, so that a program can act on it.
EXTRAS = {"limit", "sku", "skus", "available", "status", "allowed", "shownTotalMinor", "totalMinor", "lines"}


# --- It works


def golden_differences(endpoint: Endpoint, world: World) -> list[str]:
    response = endpoint.call(world)
    assert response.status_code == endpoint.status, response.content
    assert response["Content-Type"].startswith("application/json")
    return differences(golden(endpoint.golden), parse(response.content))


# --- It refuses


def wrong_refusals(endpoint: Endpoint, world: World) -> list[str]:
    """One line for each bad input that was taken, ended in an error of ours, or was refused in another shape."""
    checks = [*bad_ids(endpoint, world), *bad_queries(endpoint, world)]
    if endpoint.body:
        checks += [*bad_fields(endpoint, world), *bad_bodies(endpoint, world)]
    return [f"{what}: {problem}" for what, problem in checks if problem]


def bad_ids(endpoint: Endpoint, world: World) -> Iterator[tuple[str, str]]:
    for name in endpoint.parameters:
        own = endpoint.ids(world)[name]
        for bad in [*BAD_IDS, *near(own)]:
            response = endpoint.call(world, ids={name: bad})
            yield f"{name} {bad[:40]!r}", refusal_of_id(endpoint, world, {name: bad}, response)


def near(own: str) -> list[str]:
    """What a careless comparison would take for the id."""
    return [
        own.swapcase(),
        f"{own}x",
        own[:-1],
        f"{own}%20",
        f"%20{own}",
        f"{own}%0a",
        as_missing({"id": own})["id"] + "0",
    ]


def refusal_of_id(endpoint: Endpoint, world: World, ids: Mapping[str, str], response: Any) -> str:
    if leads_elsewhere(endpoint, world, ids):
        return "" if response.status_code < 500 else f"{response.status_code} {response.content[:200]!r}"
    return wrong_shape(response) or ("" if response.status_code in {400, 404} else f"{response.status_code}")


def leads_elsewhere(endpoint: Endpoint, world: World, ids: Mapping[str, str]) -> bool:
    """Whether the id makes the path another endpoint's, as `search` does below /api/products/."""
    try:
        own = resolve(f"/api{endpoint.address(endpoint.ids(world))}").route
        return bool(resolve(f"/api{endpoint.address(endpoint.ids(world) | dict(ids))}").route != own)
    except Resolver404:
        return False


def bad_queries(endpoint: Endpoint, world: World) -> Iterator[tuple[str, str]]:
    for sent in rounds(endpoint.bad_query):
        response = endpoint.call(world, query="&".join(f"{name}={value}" for name, value in sent.items()))
        yield from all_blamed(response, sent)


def bad_fields(endpoint: Endpoint, world: World) -> Iterator[tuple[str, str]]:
    good = endpoint.good_body(world)
    assert good is not None
    for sent in rounds(endpoint.bad_fields):
        body = good
        for path, value in sent.items():
            body = with_value(body, path, value)
        yield from all_blamed(endpoint.call(world, body=body), sent)
    for path, values in endpoint.bad_fields.items():
        for refused in values:
            if isinstance(refused, Refused):
                response = endpoint.call(world, body=with_value(good, path, refused.value))
                problem = wrong_answer(response, status=refused.status, code=refused.code, blames=refused.blames)
                yield f"{path} = {shown(refused.value)}", problem
    strange = dict.fromkeys(STRANGE_NAMES, 1)
    yield from all_blamed(endpoint.call(world, body=good | strange), strange)


def rounds(bad: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    """Bad values of different fields together, since each of them must be blamed; never one inside of another."""
    plain = {path: [value for value in values if not isinstance(value, Refused)] for path, values in bad.items()}
    outer = {path for path in plain if any(other.startswith(f"{path}.") for other in plain)}
    for path in outer:
        yield from ({path: value} for value in plain[path])
    inner = {path: values for path, values in plain.items() if path not in outer}
    for index in range(max(map(len, inner.values()), default=0)):
        yield {path: values[index] for path, values in inner.items() if index < len(values)}


def all_blamed(response: Any, sent: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for path, value in sent.items():
        yield f"{path} = {shown(value)}", wrong_answer(response, status=400, code="invalid_input", blames=path)


def shown(value: Any) -> str:
    return "(missing)" if value is MISSING else repr(value)[:60]


def bad_bodies(endpoint: Endpoint, world: World) -> Iterator[tuple[str, str]]:
    for raw in BAD_BODIES:
        yield f"body {raw[:30]!r}", wrong_answer(endpoint.call(world, body=raw), status=400)
    text = json.dumps(endpoint.good_body(world))
    twice = text[:-1] + ", " + text[1:]
    yield "every name twice", wrong_answer(endpoint.call(world, body=twice), status=400, code="invalid_json")
    for content_type in FOREIGN_TYPES:
        response = endpoint.call(world, content_type=content_type)
        yield content_type, wrong_answer(response, status=415, code="unsupported_media_type")
    padded = text + " " * 1_100_000
    yield "1.1 MB", wrong_answer(endpoint.call(world, body=padded), status=413, code="too_large")
    if not endpoint.path.startswith("/api/products"):
        padded = text + " " * 66_000
        yield "66 kB", wrong_answer(endpoint.call(world, body=padded), status=413, code="too_large")


def with_value(good: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The good body with one value replaced; MISSING takes it out."""
    body: Any = copy.deepcopy(dict(good))
    *way, name = path.split(".")
    place = body
    for part in way:
        place = place[int(part)] if part.isdigit() else place[part]
    if value is MISSING:
        place.pop(name, None)
    else:
        place[name] = value
    return body


def wrong_answer(response: Any, *, status: int, code: str = "", blames: str = "") -> str:
    if response.status_code != status:
        return f"{response.status_code} instead of {status}: {response.content[:300]!r}"
    if shape := wrong_shape(response):
        return shape
    body = parse(response.content)
    if code and body["code"] != code:
        return f"{body['code']} instead of {code}"
    fields = body.get("fields", {})
    if blames and not any(name == blames or name.startswith(f"{blames}.") for name in fields):
        return f"blames {sorted(fields)} instead of {blames[:40]}"
    return ""


def wrong_shape(response: Any) -> str:
    """What of a refusal is not as promised: a fixed text, a code, fields with texts, the request's id."""
    if not 400 <= response.status_code < 500:
        return f"{response.status_code}: {response.content[:300]!r}"
    if not response["Content-Type"].startswith("application/json"):
        return f"{response.status_code} of type {response['Content-Type']}"
    body = parse(response.content)
    found = differences(
        {"success": False, "error": body.get("error"), "code": body.get("code"), "requestId": "<req>"},
        {name: value for name, value in body.items() if name != "fields" and name not in EXTRAS},
    )
    for name in ("error", "code"):
        if not (isinstance(body.get(name), str) and body[name]):
            found.append(f"{name} is no text")
    if body.get("requestId") != response["X-Request-Id"]:
        found.append("requestId is not X-Request-Id")
    fields = body.get("fields", {"": [""]})
    texts_only = all(texts and all(isinstance(text, str) for text in texts) for texts in fields.values())
    if not (fields and texts_only):
        found.append(f"fields are {fields}")
    if re.search(r"Traceback|Exception|psycopg|django\.|SELECT ", response.content.decode()):
        found.append(f"tells of our insides: {response.content[:300]!r}")
    if MACHINE_SPEAK.search(str(fields)):
        found.append(f"speaks as a machine: {fields}")
    return "; ".join(found)


# --- It keeps strangers out


def openings_for_strangers(endpoint: Endpoint, world: World) -> list[str]:
    """One line for each stranger who was let in, or could tell another's object from a missing one."""
    assert isinstance(endpoint.owner, Owned)
    found = []
    # Its secret id is all that a cart of nobody's asks for: within it, only the item is another's.
    held = {world.guest.cart_id}
    for way in endpoint.owner.ways(world):
        for who in endpoint.owner.strangers:
            theirs, missing = (as_stranger(endpoint, world, who, ids) for ids in (way, as_missing(way, held)))
            expected = 401 if endpoint.owner.needs_account and who in {"holder", "nobody"} else 404
            what = f"{who} by {way}"
            if theirs.status_code != expected:
                found.append(f"{what}: {theirs.status_code} {theirs.content[:300]!r}")
            elif seen(theirs) != seen(missing):
                pairs = zip(seen(theirs), seen(missing), strict=True)
                found.append(f"{what}: tells it from a missing one: {[pair for pair in pairs if pair[0] != pair[1]]}")
            elif problem := wrong_shape(theirs):
                found.append(f"{what}: {problem}")
    return found


def as_stranger(endpoint: Endpoint, world: World, who: str, way: Mapping[str, Any]) -> Any:
    """Where the path has no id, the way is a body."""
    return endpoint.call(world, by=who, ids=way) if endpoint.parameters else endpoint.call(world, by=who, body=way)


def as_missing(way: Mapping[str, Any], held: Collection[str] = ()) -> dict[str, Any]:
    """The same ids, but of objects that never were; those that the stranger holds stay."""
    return {name: never_was(value, held) for name, value in way.items()}


def never_was(value: Any, held: Collection[str]) -> Any:
    is_id = isinstance(value, str) and OWN_ID.fullmatch(value) and value not in held
    return value.partition("_")[0] + "_" + "0" * 22 if is_id else value


def seen(response: Any) -> tuple[Any, ...]:
    """All that a stranger can compare; the clock, their own count and the request's own id apart."""
    body = {name: value for name, value in parse(response.content).items() if name != "requestId"}
    own = {"X-Request-Id", "Expires", "RateLimit"}
    headers = {name: value for name, value in response.items() if name not in own}
    return response.status_code, body, headers


def state(world: World) -> list[Any]:
    """What the world looks like to its people. Refused requests must not change it."""
    anna = world.anna
    paths = [f"/cart/{anna.user_id}", f"/users/{anna.user_id}", f"/users/{anna.user_id}/orders"]
    answers = [anna.api.get(path) for path in paths]
    answers += [world.guest.api.get(f"/cart/{world.guest.cart_id}"), world.staff.get("/products")]
    answers += [world.staff.get(f"/orders/{world.guest.order_id}")]
    assert all(answer.status_code == 200 for answer in answers)
    return [parse(answer.content) for answer in answers]
