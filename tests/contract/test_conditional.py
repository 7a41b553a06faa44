"""`ETag`, 304 and `If-Match`: what has not changed is not sent again, and nobody overwrites what they have not read."""

from typing import Any

import pytest

from inventory import operations as inventory

from .endpoints import ENDPOINTS, Endpoint
from .world import World, data

READS = [endpoint for endpoint in ENDPOINTS if endpoint.method == "GET"]
PUBLIC = [endpoint for endpoint in READS if endpoint.path.startswith("/api/products")]
MISSING = "prod_" + "0" * 22


def product(world: World) -> str:
    return f"/products/{world.product_id}"


# --- Reads


@pytest.mark.parametrize("endpoint", READS, ids=str)
def test_what_has_not_changed_is_not_sent_again(endpoint: Endpoint, world: World) -> None:
    first = endpoint.call(world)
    assert first["ETag"].startswith('"')
    for known in (first["ETag"], f"W/{first['ETag']}", f'"other", {first["ETag"]}', "*"):
        again = endpoint.call(world, if_none_match=known)
        assert (again.status_code, again.content) == (304, b""), known
        assert (again["ETag"], again["Cache-Control"]) == (first["ETag"], first["Cache-Control"])
        assert "RateLimit" in again and "X-Request-Id" in again
    assert endpoint.call(world, if_none_match='"other"').status_code == 200


@pytest.mark.parametrize("endpoint", READS, ids=str)
def test_a_head_is_the_answer_without_its_body(endpoint: Endpoint, world: World) -> None:
    answer = endpoint.call(world)
    path = endpoint.address(endpoint.ids(world), "&".join("=".join(pair) for pair in endpoint.query.items()))
    head = world.caller(endpoint.by).send("HEAD", path.replace(" ", "+"))
    assert (head.status_code, head.content, head["ETag"]) == (200, b"", answer["ETag"])
    assert int(head["Content-Length"]) == len(answer.content)


@pytest.mark.parametrize("endpoint", READS, ids=str)
def test_caches_keep_the_catalogue_alone(endpoint: Endpoint, world: World) -> None:
    answer = endpoint.call(world)
    directives = set(answer["Cache-Control"].split(", "))
    if endpoint in PUBLIC:
        assert directives == {"public", "no-cache"}
        assert {"Authorization", "Cookie"} <= set(answer["Vary"].split(", "))
        assert endpoint.call(world, by="staff")["Cache-Control"] == "private, no-cache"
    else:
        assert {"private", "no-store"} <= directives


@pytest.mark.parametrize("path", [f"/products/{MISSING}", "/products?limit=0", "/users/me", "/nothing"])
def test_a_refusal_is_never_kept(path: str, world: World) -> None:
    assert "no-store" in world.nobody.get(path)["Cache-Control"]


def test_the_tag_changes_with_anything_in_the_answer(world: World) -> None:
    tags = [world.nobody.get(product(world))["ETag"]]
    inventory.receive("WH-001", 1, reason="more", actor="test")
    tags.append(world.nobody.get(product(world))["ETag"])
    data(world.staff.put(product(world), {"description": "Other words"}))
    tags.append(world.nobody.get(product(world))["ETag"])
    assert len(set(tags)) == 3
    versions = [tag.strip('"').split("-")[0] for tag in tags]
    assert versions[0] == versions[1] != versions[2]


# --- Writes


def test_whoever_read_the_present_version_may_write(world: World) -> None:
    read = world.nobody.get(product(world))["ETag"]
    # A sale meanwhile changes the tag, not the version.
    inventory.receive("WH-001", 1, reason="more", actor="test")
    assert world.staff.put(product(world), {"price": 150}, if_match=read).status_code == 200
    refused(world.staff.put(product(world), {"price": 140}, if_match=read))
    refused(world.staff.delete(product(world), if_match=read))
    assert data(world.nobody.get(product(world)))["price"] == 150
    present = world.nobody.get(product(world))["ETag"]
    assert world.staff.delete(product(world), if_match=f'"0-0", {present}').status_code == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_star_is_any_version(method: str, world: World) -> None:
    body = {"price": 150} if method == "PUT" else None
    assert world.staff.send(method, product(world), body, if_match="*").status_code == 200
    missing = world.staff.send(method, f"/products/{MISSING}", body, if_match="*")
    assert missing.status_code == 404


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize("tag", ["W/{}", "nonsense", "", '""', '"1"', '"99999999999-ab"', "{} {}"])
def test_what_is_no_strong_tag_of_ours_matches_nothing(method: str, tag: str, world: World) -> None:
    read = world.nobody.get(product(world))["ETag"]
    body = {"price": 150} if method == "PUT" else None
    answer = world.staff.send(method, product(world), body, if_match=tag.replace("{} {}", read + "x").format(read))
    refused(answer)


def test_a_stranger_learns_nothing_from_it(world: World) -> None:
    read = world.nobody.get(product(world))["ETag"]
    assert world.nobody.put(product(world), {"price": 1}, if_match='"0-0"').status_code == 401
    assert world.anna.api.put(product(world), {"price": 1}, if_match=read).status_code == 403


def refused(answer: Any) -> None:
    assert answer.status_code == 412, answer.content
    assert answer.json()["code"] == "precondition_failed"
