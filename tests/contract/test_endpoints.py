"""Every endpoint of the specification: answers as promised, refuses bad input, and keeps strangers out."""

import pytest

from .checks import golden_differences, openings_for_strangers, seen, state, wrong_refusals
from .compare import differences, golden, parse
from .endpoints import ENDPOINTS, Endpoint, Owned, StaffOnly
from .world import MUG, World

# The others place orders: test_placing_orders.py.
ANY = [endpoint for endpoint in ENDPOINTS if not endpoint.calls_provider]
OWNED = [endpoint for endpoint in ANY if isinstance(endpoint.owner, Owned)]
STAFF = [endpoint for endpoint in ANY if isinstance(endpoint.owner, StaffOnly)]


@pytest.mark.parametrize("endpoint", ANY, ids=str)
def test_answers_its_golden_file(endpoint: Endpoint, world: World) -> None:
    assert golden_differences(endpoint, world) == []


def test_other_answers_of_the_same_endpoints(world: World) -> None:
    bowl = MUG | {"name": "Harbour bowl"}
    bowl["variants"] = [variant | {"sku": variant["sku"].replace("MUG", "BOWL")} for variant in MUG["variants"]]
    guest = world.guest
    answers = {
        "get_cart_of_guest": guest.api.get(f"/cart/{guest.cart_id}"),
        "get_cart_not_begun": world.staff.get("/cart/me"),
        "create_product_with_variants": world.staff.post("/products", bowl),
        "insufficient_stock": guest.api.post("/cart/me/items", {"sku": "MUG-T", "quantity": 6}),
        "invalid_transition": world.staff.put(f"/orders/{guest.order_id}/status", {"status": "delivered"}),
    }
    for name, answer in answers.items():
        assert (name, differences(golden(name), parse(answer.content))) == (name, [])


@pytest.mark.parametrize("endpoint", ANY, ids=str)
def test_refuses_bad_input_and_nothing_has_changed(endpoint: Endpoint, world: World) -> None:
    before = state(world)
    assert wrong_refusals(endpoint, world) == []
    assert state(world) == before


@pytest.mark.parametrize("endpoint", OWNED, ids=str)
def test_anothers_object_is_as_missing(endpoint: Endpoint, world: World) -> None:
    before = state(world)
    assert openings_for_strangers(endpoint, world) == []
    assert state(world) == before


@pytest.mark.parametrize("endpoint", OWNED, ids=str)
def test_staff_with_the_permission(endpoint: Endpoint, world: World) -> None:
    assert isinstance(endpoint.owner, Owned)
    expected = endpoint.status if endpoint.owner.staff_may else 404
    assert endpoint.call(world, by="staff").status_code == expected


@pytest.mark.parametrize("endpoint", STAFF, ids=str)
@pytest.mark.parametrize(("who", "status"), [("nobody", 401), ("anna", 403), ("clerk", 403)])
def test_functions_of_staff(endpoint: Endpoint, who: str, status: int, world: World) -> None:
    """Refused before anything is looked up: whether the object is there makes no difference."""
    before = state(world)
    answer = endpoint.call(world, by=who)
    assert answer.status_code == status
    missing = dict.fromkeys(endpoint.parameters, "prod_" + "0" * 22)
    assert seen(endpoint.call(world, by=who, ids=missing)) == seen(answer)
    assert seen(endpoint.call(world, by=who, body="{")) == seen(answer)
    assert state(world) == before


# --- What has no owner


def test_a_withdrawn_product_is_as_missing(world: World) -> None:
    for who in (world.nobody, world.anna.api):
        withdrawn, missing = (who.get(f"/products/{name}") for name in (world.withdrawn_id, "prod_" + "0" * 22))
        assert withdrawn.status_code == 404
        assert seen(withdrawn) == seen(missing)


@pytest.mark.parametrize(
    "query", ["", "?limit=1&offset=1", "?inStock=false", "?category=electronics", "?brand=TechBrand"]
)
def test_a_withdrawn_product_is_in_no_list(query: str, world: World) -> None:
    for path in ("/products", "/products/search", "/products/category/electronics"):
        answer = world.nobody.get(path + query).json()
        assert world.withdrawn_id not in {product["productId"] for product in answer["data"]}


def test_a_wrong_password_tells_nothing_of_the_account(world: World) -> None:
    known, unknown = (
        world.nobody.post("/users/login", {"email": email, "password": "not the right one"})
        for email in ("anna@example.com", "nobody@example.com")
    )
    assert known.status_code == 401
    assert seen(known) == seen(unknown)


def test_signing_in_takes_over_no_other_persons_cart(world: World) -> None:
    before = state(world)
    body = {"email": "ben@example.com", "password": "correct horse battery", "cartId": world.anna.cart_id}
    assert world.nobody.post("/users/login", body).status_code == 200
    assert state(world) == before


@pytest.mark.parametrize(
    ("path", "owner"), [("cart", "user_id"), ("cart", "cart_id"), ("users", "user_id"), ("orders", "order_id")]
)
def test_case_matters_in_ids(path: str, owner: str, world: World) -> None:
    own = getattr(world.anna, owner)
    assert world.anna.api.get(f"/{path}/{own}").status_code == 200
    assert world.anna.api.get(f"/{path}/{own.upper()}").status_code == 404
