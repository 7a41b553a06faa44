"""What each persona is answered at each address, over HTTP, in a transaction that is rolled back."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction

from accounts.tests.factories import PASSWORD
from orders.models import Order
from shop.redis import client as redis
from tests.contract.world import ADDRESS, HEADPHONES

from .routes import Route, models
from .table import METHODS, MODEL_PAGES, PERSONAS, Line
from .world import Persona, World, new_browser

NOBODY = "0" * 22
# The kind of thing that a parameter names: by its own name, or, where that is `public_id`, by what stands before it.
KINDS = {
    "user_id": "user", "order_id": "order", "item_id": "item", "token_id": "token", "session_id": "session",
    "review_id": "review", "number": "invoice", "shipment_id": "shipment", "return_id": "return",
}  # fmt: skip
PUBLIC_IDS = {
    "/account/addresses/": "address", "/account/sessions/": "session", "/account/tokens/": "token",
    "/account/security/": "factor", "/orders/": "order", "/checkout/change/": "order", "/checkout/edit/": "order",
    "/reviews/": "review",
}  # fmt: skip
OPEN_TO_ALL = {"product_id": "product", "slug": "slug", "category_id": "category", "url_path": "category", "sku": "sku"}
PREFIXES = {"product": "prod_", "review": "rev_", "user": "user_", "order": "ord_", "cart": "cart_"}
# Without an id in the address these name somebody's cart all the same.
CARTS_ELSEWHERE = {"/api/orders", "/api/shipping/options"}
REVIEW = {"rating": 5, "title": "Good", "text": "As it should be."}
BODIES: dict[str, Any] = {
    "POST /api/products": HEADPHONES | {"name": "Studio", "sku": "WH-002"},
    "PUT /api/products/<product_id>": {"name": "Studio", "price": 179},
    "PUT /api/inventory/<sku>": {"quantity": 90},
    "POST /api/cart/<user_id>/items": {"sku": "WH-001"},
    "PUT /api/cart/<user_id>/items/<item_id>": {"quantity": 1},
    "POST /api/cart/<user_id>/coupon": {"code": "HARBOUR10"},
    "POST /api/orders/track": {"number": "none", "email": "anna@example.com"},
    "PUT /api/orders/<order_id>/status": {"status": "processing"},
    "POST /api/orders/<order_id>/edits": {"items": [], "expectedDifferenceMinor": 0},
    "POST /api/orders/<order_id>/edits/preview": {"items": []},
    "POST /api/orders/<order_id>/resend": {"mail": "placed"},
    "POST /api/orders/<order_id>/shipments": {},
    "PUT /api/orders/<order_id>/shipments/<shipment_id>": {"status": "delivered"},
    "POST /api/orders/<order_id>/shipments/<shipment_id>/replacement": {},
    "POST /api/orders/<order_id>/returns": {"items": [{"itemId": "item_none", "quantity": 1, "reason": "other"}]},
    "PUT /api/orders/<order_id>/returns/<return_id>": {"status": "approved"},
    "POST /api/users/register": {"email": "carla@example.com", "password": "a fine long passphrase"},
    "POST /api/users/verify-email": {"token": "none"},
    "POST /api/users/verify-email/send": {"email": "anna@example.com"},
    "POST /api/users/login": {"email": "support@example.com", "password": PASSWORD},
    "PUT /api/users/<user_id>": {"firstName": "Anne"},
    "POST /api/users/<user_id>/erase": {"currentPassword": "not the right one"},
    "POST /api/users/<user_id>/tokens": {"name": "Another program", "scopes": ["orders:read"]},
    "POST /api/products/<product_id>/reviews": REVIEW,
    "PUT /api/reviews/<review_id>": REVIEW,
    "POST /api/webhooks/replay": {"since": "2026-01-01T00:00:00Z"},
}
QUERIES = {
    "/api/products/suggest": "q=wire",
    "/api/products/search": "q=wireless",
    "/api/recommendations/together": "productId=prod_none",
}
FORMS: dict[str, dict[str, Any]] = {
    "/cart/items/": {"sku": "WH-001", "quantity": "1"},
    "/cart/items/<item_id>/": {"quantity": "1"},
    "/cart/coupon/": {"code": "HARBOUR10"},
    "/account/security/passkeys/<public_id>/": {"name": "Another name"},
    "/account/confirm/": {"current_password": PASSWORD},
    "/account/tokens/": {"name": "Another", "scopes": ["orders:read"], "expires_in_days": "30"},
}


def things_at(route: Route) -> list[str]:
    if route.model:
        return ["-"]
    if route.path in CARTS_ELSEWHERE:
        return ["own", "anothers", "missing"]
    kinds = [kind_of(route, name) for name in route.parameters]
    if any(kind in OWNED for kind in kinds):
        return ["own", "anothers", *(["in-own"] if len(kinds) > 1 else []), "missing"]
    if route.is_admin and route.parameters:
        return ["there", "missing"] if first_of_its_model(route) else ["missing"]
    if kinds:
        drafts = ["withdrawn"] if kinds[0] in {"product", "slug"} else []
        return ["there", *drafts, "missing"] if set(kinds) <= set(OPEN_TO_ALL.values()) else ["missing"]
    return ["-"]


# Below one's own account or cart: the second is what another's is compared with, and has no line.
IN_OWN = {"in-own": "anothers", "missing-in-own": "missing"}
OWNED = {*KINDS.values(), *PUBLIC_IDS.values()}


def kind_of(route: Route, name: str) -> str:
    if route.path.startswith("/account/password/reset/"):
        return "link"
    if name == "public_id":
        return next(kind for prefix, kind in PUBLIC_IDS.items() if route.path.startswith(prefix))
    return KINDS.get(name) or OPEN_TO_ALL.get(name) or name


def lines_of(route: Route, world: World) -> Iterator[Line]:
    if route.model:
        yield Line(MODEL_PAGES, route.path, "-", tuple(pages_open(route, each) for each in people(world)))
        return
    for method in METHODS:
        if is_taken(route, method, world):
            for thing in things_at(route):
                answers = tuple(told(answer_to(route, method, thing, each, world)) for each in people(world))
                yield Line(method, route.path, thing, answers)


def is_taken(route: Route, method: str, world: World) -> bool:
    """By Anna or the admin: who may do least and most. Everybody, at three objects each, would take minutes."""
    thing = things_at(route)[0]
    answers = {told(answer_to(route, method, thing, world.personas[name], world)) for name in ("anna", "admin")}
    return bool(answers - {"405", "-"})


def people(world: World) -> list[Persona]:
    return [world.personas[name] for name in PERSONAS]


def answer_to(route: Route, method: str, thing: str, persona: Persona, world: World, **changes: Any) -> Any:
    """None where the persona has no such thing. `changes`: another `path`, or another method as `sent_as`."""
    ids = ids_for(route, thing, persona, world)
    if ids is None:
        return None
    path, query = changes.get("path", route.path), QUERIES.get(route.path, "")
    for name, value in zip(route.parameters, ids, strict=False):
        path = path.replace(f"<{name}>", value)
    body = BODIES.get(f"{method} {route.path}")
    if route.path == "/api/orders" and method == "POST":
        # At a wrong price: who may order this cart is told so, and no provider is asked in a test's transaction.
        body = {"cartId": ids[0], "email": "anna@example.com", "shippingAddress": ADDRESS, "paymentMethod": "cod"}
        body["expectedTotal"] = 0
    elif route.path in CARTS_ELSEWHERE:
        query = f"cartId={ids[0]}"
    return send(route, changes.get("sent_as", method), path, query, body, persona)


def send(route: Route, method: str, path: str, query: str, body: Any, persona: Persona) -> Any:
    with rolled_back():
        if route.is_api:
            headers = {"Authorization": f"Bearer {persona.bearer}"} if persona.bearer else {}
            raw = "" if body is None else json.dumps(body)
            address = f"{path}?{query}" if query else path
            return new_browser().generic(method, address, raw, content_type="application/json", headers=headers)
        address = f"{path}?token={persona.token}" if persona.token else path
        browser = persona.browser()
        if method == "POST":
            return browser.post(address, FORMS.get(route.path, {}))
        return browser.generic(method, address)


@contextmanager
def rolled_back() -> Iterator[None]:
    # Sessions leave so many keys that reading them ten at a time takes longer than the requests.
    if buckets := list(redis().scan_iter("rate:*", count=10_000)):
        redis().delete(*buckets)
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def ids_for(route: Route, thing: str, persona: Persona, world: World) -> list[str] | None:
    if thing == "-":
        return []
    if route.path in CARTS_ELSEWHERE:
        carts = {"own": persona.cart_id, "anothers": world.other(persona).cart_id, "missing": f"cart_{NOBODY}"}
        return [carts[thing]] if carts[thing] else None
    ids = [id_of(route, name, thing, persona, world) for name in route.parameters]
    if thing in IN_OWN:
        ids = [
            id_of(route, name, "own" if index == 0 else IN_OWN[thing], persona, world)
            for index, name in enumerate(route.parameters)
        ]
    return None if None in ids else [each for each in ids if each is not None]


def id_of(route: Route, name: str, thing: str, persona: Persona, world: World) -> str | None:
    kind = kind_of(route, name)
    if route.is_admin:
        return named_in_the_admin(route, name, thing)
    if thing == "there":
        return world.there[kind]
    if thing == "withdrawn":
        return world.withdrawn[kind]
    if thing in {"own", "anothers"}:
        owner = persona if thing == "own" else world.other(persona)
        if kind == "user" and route.path.startswith("/api/cart/") and not owner.user:
            kind = "cart"
        if kind == "order" and {"shipment_id", "return_id"} & set(route.parameters):
            # Of their orders the one that has them.
            kind = "delivered"
        return owner.things.get(kind) or (world.there.get(kind) if kind in OPEN_TO_ALL.values() else None)
    return "no-such" if kind in {"slug", "category", "sku"} else PREFIXES.get(kind, f"{kind}_") + NOBODY


# --- The admin


def named_in_the_admin(route: Route, name: str, thing: str) -> str:
    if name in {"name", "url", "app_label"}:
        move = "count" if route.path.startswith("/admin/inventory/") else "ship"
        return {"name": move, "url": "none", "app_label": "catalog"}[name]
    if thing == "there" and (found := first_of_its_model(route)):
        return str(found.pk)
    return "999999"


def first_of_its_model(route: Route) -> Any:
    """What the model below whose address the page stands has first."""
    if route.path.startswith("/admin/notifications/maillog/order/"):
        return Order.objects.order_by("pk").first()
    model = models().get("/".join(route.path.split("/")[:4]) + "/")
    return model and model._default_manager.order_by("pk").first()


def pages_open(route: Route, persona: Persona) -> str:
    """Which of a model's pages open; the answer itself where none does."""
    one = first_of_its_model(route)
    pages = {"L": "", "A": "add/"}
    if one:
        pages |= {"C": f"{one.pk}/change/", "D": f"{one.pk}/delete/", "H": f"{one.pk}/history/"}
    answers = {
        letter: told(send(route, "GET", f"{route.path}{page}", "", None, persona)) for letter, page in pages.items()
    }
    opened = "".join(letter for letter, answer in answers.items() if answer == "200")
    return opened or "/".join(sorted(set(answers.values())))


# --- In words


def told(answer: Any) -> str:
    if answer is None:
        return "-"
    # Nothing stands any more between the persona and the payment provider, who is not asked in a transaction.
    if answer.status_code == 500 and str(answer.exc_info[1]).startswith("a provider must not be called"):
        return "provider"
    target = answer.get("Location", "")
    if target.startswith(("/account/login/", "/admin/login/")):
        return "sign-in"
    return "confirm" if target.startswith("/account/confirm/") else str(answer.status_code)
