"""The 22 endpoints as the specification spells them: a call of each that works, those that must not, its owner."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from accounts.tests.factories import PASSWORD

from .world import ADDRESS, HEADPHONES, World, order_body

MISSING: Any = object()


@dataclass(frozen=True)
class Refused:
    """A bad value whose refusal is another one than 400 naming its own field. `blames` "": no field, or any."""

    value: Any
    status: int
    code: str
    blames: str = ""


def by_the_shop(field: str, *values: Any) -> list[Refused]:
    """Values of the right form, refused once the shop has looked: not in one answer with those of wrong form."""
    return [Refused(value, 400, "invalid_input", blames=field) for value in values]


@dataclass(frozen=True)
class Owned:
    """Another's object is 404, as a missing one is. `ways` are ids, or a body's, by which one could try Anna's.

    `strangers` ask. `needs_account`: who has none gets 401. `staff_may`: staff with the permission get the answer.
    """

    ways: Callable[[World], Sequence[Mapping[str, str]]]
    strangers: Sequence[str] = ("ben", "nobody", "holder", "clerk")
    needs_account: bool = False
    staff_may: bool = False


@dataclass(frozen=True)
class StaffOnly:
    """401 without an account, 403 for customers and for staff without the permission, whether the object is or not."""


@dataclass(frozen=True)
class Public:
    """Nobody's in particular; `why` there is no stranger to refuse."""

    why: str


@dataclass(frozen=True)
class Endpoint:
    """`by`, `ids`, `query` and `body` make the call that works and answers `status` with the golden file."""

    method: str
    path: str
    golden: str
    by: str
    owner: Owned | StaffOnly | Public
    ids: Callable[[World], dict[str, str]] = lambda world: {}
    query: Mapping[str, str] = field(default_factory=dict)
    body: Callable[[World], dict[str, Any]] | None = None
    status: int = 200
    bad_fields: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    bad_query: Mapping[str, Sequence[str]] = field(default_factory=dict)
    calls_provider: bool = False

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def parameters(self) -> list[str]:
        return [part[1:-1] for part in self.path.split("/") if part.startswith("{")]

    def address(self, ids: Mapping[str, str], query: str = "") -> str:
        """The path after `/api`. Ids stand in it as they are: who wants them quoted quotes them."""
        path = self.path.removeprefix("/api")
        for name in self.parameters:
            path = path.replace(f"{{{name}}}", ids[name])
        return f"{path}?{query}" if query else path

    def good_body(self, world: World) -> dict[str, Any] | None:
        return self.body(world) if self.body else None

    def call(
        self,
        world: World,
        *,
        by: str = "",
        ids: Mapping[str, str] | None = None,
        query: str | None = None,
        body: Any = MISSING,
        **headers: str,
    ) -> Any:
        """The call that works, but for what is given."""
        address = self.address(self.ids(world) | dict(ids or {}), urlencode(self.query) if query is None else query)
        sent = self.good_body(world) if body is MISSING else body
        return world.caller(by or self.by).send(self.method, address, sent, **headers)


# --- Bad values

NOT_TEXT: list[Any] = [None, 1, 1.5, True, [], {}]
NOT_OPTIONAL_TEXT = NOT_TEXT[1:]
NOT_LINE = [*NOT_TEXT, "a\nb", "a\x07b"]
NOT_WHOLE: list[Any] = [None, "", "2", 1.5, 2**63, 10**400, True, [], {}, -1]
NOT_OPTIONAL_WHOLE = NOT_WHOLE[1:]
NOT_AMOUNT = ["", "199.99", "199.99 ", -1, -0.01, 0.001, 1e308, 10**13, 10**400, True, [], {}]
NOT_EMAIL = [*NOT_OPTIONAL_TEXT, "anna", "a@b@example.com", "a@example.com, b@example.com",
             "a@example.com\nBcc: b@x.de", "x" * 300 + "@example.com"]  # fmt: skip
NOT_ADDRESS = [None, 1, "Lindenallee 7", [], {}, MISSING]
PRIVATE = ["file:///etc/passwd", "http://127.0.0.1/a.jpg", "http://169.254.169.254/latest", "http://2130706433/a.jpg",
           "http://[::1]/a.jpg", "http://localhost/a.jpg", "javascript:alert(1)", "//x/a.jpg", "", "a.jpg"]  # fmt: skip

PRODUCT: dict[str, list[Any]] = {
    "name": [*NOT_LINE, "", "  ", "x" * 201],
    "description": [*NOT_TEXT, "a\x07b", "x" * 20_001],
    "category": [*NOT_LINE, "", "x" * 501, *by_the_shop("category", "No such category")],
    "brand": [*NOT_LINE, "x" * 121],
    "taxClass": [*NOT_TEXT, "", *by_the_shop("taxClass", "no-such-class")],
    "price": [*NOT_AMOUNT, 10**9],
    "compareAtPrice": NOT_AMOUNT,
    "stock": [*NOT_OPTIONAL_WHOLE, 10**9 + 1],
    "barcode": [*NOT_TEXT, "12"],
    "weightGrams": NOT_OPTIONAL_WHOLE,
    "images": [None, {}, "https://cdn.example.com/a.jpg", [1], [None], *([url] for url in PRIVATE),
               ["https://cdn.example.com/a.jpg"] * 51],
    "imageAlts": [None, "text", [1], ["a\nb"]],
    "attributes": [None, [], "black", {"color": None}, {"color": []}, {"color": {}}, {"Not a code": "x"},
                   {"color": "x" * 501}, {"color": 10**400}, {f"a{n}": 1 for n in range(101)}],
    "isActive": [None, 1, "true", []],
    "variants": [[], {}, "x", [1], [{}], [{"sku": "A", "price": -1}],
                 [{"sku": "A", "stock": True}], [{"sku": "A", "options": {"color": {}}}],
                 [{"sku": f"S-{n}"} for n in range(101)],
                 *by_the_shop("variants", [{"sku": "A"}, {"sku": "A"}])],
}  # fmt: skip
LIST_QUERY = {
    "limit": ["-1", "0", "101", "100000", "abc", "1.5", "1e3", "9" * 5000],
    "offset": ["-1", "10001", "1000000000000", "abc", "NaN"],
}
PRODUCTS_QUERY = LIST_QUERY | {
    "sortBy": ["password", "price", "x" * 10_000],
    "minPrice": ["-1", "abc", "NaN", "Infinity", "1e308", "0.001", "10&maxPrice=5"],
    "maxPrice": ["-1", "abc", "NaN", "0.001"],
    "inStock": ["maybe", "1", "yes"],
    "minRating": ["0", "6", "abc", "4.5"],
    "brand": ["x" * 501],
    "category": ["no-such-category", "x" * 501],
    "colour": ["black"],
    "attr.": ["black"],
    "attr.color": ["x" * 501],
    "q": ["x" * 10_000],
}


def addresses_at(path: str) -> dict[str, list[Any]]:
    return {
        path + name: values
        for name, values in {
            "fullName": [*NOT_LINE, "", "  ", "x" * 201, MISSING],
            "line1": [*NOT_LINE, "", "x" * 201, MISSING],
            "line2": [*NOT_LINE, "x" * 201],
            "city": [*NOT_LINE, "", "x" * 121, MISSING],
            "region": [*NOT_LINE, "x" * 121],
            "postalCode": [*NOT_LINE, "x" * 21, *by_the_shop(f"{path}postalCode", "", MISSING)],
            "country": [*NOT_TEXT, "", "XX", "Germany", "EU", MISSING],
            "phone": [*NOT_LINE, "x" * 41],
            "unheardOf": [1],
        }.items()
    }


PERSON: dict[str, list[Any]] = {
    "firstName": [*NOT_LINE, "x" * 101],
    "lastName": [*NOT_LINE, "x" * 101],
    "phone": [*NOT_LINE, "x" * 41],
}

# --- Whose calls


def annas_user(world: World) -> dict[str, str]:
    return {"userId": world.anna.user_id}


def annas_order(world: World) -> dict[str, str]:
    return {"orderId": world.anna.order_id}


def annas_item(world: World) -> dict[str, str]:
    return {"userId": world.anna.user_id, "itemId": world.anna.item_id}


def the_product(world: World) -> dict[str, str]:
    return {"productId": world.product_id}


ANNAS_ACCOUNT = Owned(lambda world: [annas_user(world)], needs_account=True, staff_may=True)
ANNAS_ORDER = Owned(lambda world: [annas_order(world)], staff_may=True)


def annas_cart(*, staff_may: bool = False) -> Owned:
    """By her id and by her cart's: that one is a credential for guests' carts alone."""
    return Owned(lambda world: [annas_user(world), {"userId": world.anna.cart_id}], staff_may=staff_may)


ANNAS_ITEM = Owned(
    lambda world: [
        annas_item(world),
        {"userId": world.anna.cart_id, "itemId": world.anna.item_id},
        # Through one's own cart.
        {"userId": "me", "itemId": world.anna.item_id},
        {"userId": world.guest.cart_id, "itemId": world.anna.item_id},
    ]
)
ENDPOINTS = [
    # --- Products
    Endpoint(
        "GET", "/api/products", "list_products",
        by="nobody", query={"sortBy": "price_asc"},
        owner=Public("the catalogue; a withdrawn product is not in it"),
        bad_query=PRODUCTS_QUERY,
    ),
    Endpoint(
        "GET", "/api/products/{productId}", "get_product",
        by="nobody", ids=the_product,
        owner=Public("the catalogue; a withdrawn product is as missing"),
    ),
    Endpoint(
        "POST", "/api/products", "create_product",
        by="staff", body=lambda world: HEADPHONES | {"name": "Studio Headphones", "sku": "WH-002"}, status=201,
        owner=StaffOnly(),
        bad_fields={
            **PRODUCT,
            "name": [*PRODUCT["name"], MISSING],
            "category": [*PRODUCT["category"], MISSING],
            "price": [*PRODUCT["price"], *by_the_shop("price", None, MISSING)],
            "sku": [*NOT_OPTIONAL_TEXT, "", "a b", "ü", "x" * 65, *by_the_shop("sku", None, MISSING),
                    Refused("WH-001", 409, "duplicate_sku")],
        },
    ),
    Endpoint(
        "PUT", "/api/products/{productId}", "replace_product",
        by="staff", ids=the_product,
        body=lambda world: {
            "name": "Wireless Headphones II", "price": 179, "stock": 10, "attributes": {"color": "Red"},
        },
        owner=StaffOnly(),
        bad_fields={
            **PRODUCT,
            "price": [*PRODUCT["price"], None],
            "stock": [*PRODUCT["stock"], None],
            "sku": [*NOT_TEXT, "", "a b", "x" * 65, *by_the_shop("sku", "WH-009")],
        },
    ),
    Endpoint(
        "DELETE", "/api/products/{productId}", "withdraw_product",
        by="staff", ids=the_product, owner=StaffOnly(),
    ),
    Endpoint(
        "GET", "/api/products/search", "search_products",
        by="nobody", query={"q": "wireless headphone", "facets": "true"},
        owner=Public("the catalogue; a withdrawn product is not in it"),
        bad_query=PRODUCTS_QUERY | {"facets": ["1", "maybe"]},
    ),
    Endpoint(
        "GET", "/api/products/category/{categoryId}", "list_category",
        by="nobody", ids=lambda world: {"categoryId": "kitchen"},
        owner=Public("the catalogue; a withdrawn product is not in it"),
        bad_query=PRODUCTS_QUERY,
    ),
    # --- Carts
    Endpoint(
        "GET", "/api/cart/{userId}", "get_cart",
        by="anna", ids=annas_user, owner=annas_cart(staff_may=True),
    ),
    Endpoint(
        "POST", "/api/cart/{userId}/items", "add_item",
        by="anna", ids=annas_user, body=lambda world: {"productId": world.product_id, "quantity": 2},
        owner=annas_cart(),
        bad_fields={
            "quantity": [*NOT_WHOLE, 0, 2**31, Refused(19, 409, "quantity_limit", blames="quantity")],
            "productId": [*NOT_OPTIONAL_TEXT, Refused("prod_" + "0" * 22, 404, "article_not_found"),
                          Refused("1", 404, "article_not_found"), Refused("", 400, "invalid_input", blames="body"),
                          Refused(MISSING, 400, "invalid_input", blames="body"), "a\nb", "x" * 201],
            "variantId": [*NOT_OPTIONAL_TEXT, Refused("var_" + "0" * 22, 404, "article_not_found")],
            "sku": [*NOT_OPTIONAL_TEXT, Refused("MUG-T", 404, "article_not_found")],
        },
    ),
    Endpoint(
        "PUT", "/api/cart/{userId}/items/{itemId}", "set_quantity",
        by="anna", ids=annas_item, body=lambda world: {"quantity": 5},
        owner=ANNAS_ITEM,
        bad_fields={
            "quantity": [*NOT_WHOLE, 0, 2**31, MISSING, Refused(21, 409, "quantity_limit", blames="quantity")]
        },
    ),
    Endpoint(
        "DELETE", "/api/cart/{userId}/items/{itemId}", "remove_item",
        by="anna", ids=annas_item, owner=ANNAS_ITEM,
    ),
    Endpoint(
        "POST", "/api/cart/{userId}/clear", "clear_cart",
        by="anna", ids=annas_user, owner=annas_cart(),
    ),
    # --- Orders
    Endpoint(
        "POST", "/api/orders", "place_order",
        by="anna", status=201, calls_provider=True,
        body=lambda world: {
            "userId": world.anna.user_id,
            "cartId": world.anna.cart_id,
            "phone": "+49 30 901820",
            "shippingAddress": ADDRESS,
            "billingAddress": ADDRESS | {"fullName": "Byron GmbH", "line2": "Buchhaltung"},
            "paymentMethod": "cod",
            "shippingMethod": "standard",
            "expectedTotal": 399.98,
        },
        owner=Owned(
            lambda world: [order_body(userId=world.anna.user_id), order_body(cartId=world.anna.cart_id)],
            # More of them would be throttled.
            strangers=("ben", "nobody", "clerk"),
        ),
        bad_fields={
            "userId": [*NOT_OPTIONAL_TEXT, Refused("user_" + "0" * 22, 404, "not_found"),
                       Refused("1", 404, "not_found")],
            "cartId": [*NOT_OPTIONAL_TEXT, "x" * 41, Refused("cart_" + "0" * 22, 404, "cart_not_found")],
            "email": NOT_EMAIL,
            "phone": [*NOT_LINE, "x" * 41],
            "shippingAddress": NOT_ADDRESS,
            **addresses_at("shippingAddress."),
            "billingAddress": NOT_ADDRESS[1:-1],
            **addresses_at("billingAddress."),
            "paymentMethod": [*NOT_TEXT, "", "bitcoin", "COD", MISSING],
            "shippingMethod": [*NOT_LINE, "x" * 201, Refused("rocket", 409, "not_deliverable")],
            "expectedTotal": [*NOT_AMOUNT, Refused(399.97, 409, "price_changed"), Refused(0, 409, "price_changed")],
        },
    ),
    Endpoint(
        "GET", "/api/orders/{orderId}", "get_order",
        by="anna", ids=annas_order, owner=ANNAS_ORDER,
    ),
    Endpoint(
        "GET", "/api/orders/user/{userId}", "orders_of_user",
        by="anna", ids=annas_user, owner=ANNAS_ACCOUNT,
        bad_query=LIST_QUERY,
    ),
    Endpoint(
        "PUT", "/api/orders/{orderId}/status", "set_status",
        by="staff", ids=annas_order,
        body=lambda world: {"status": "shipped", "trackingNumber": "JD014600", "carrier": "DHL"},
        owner=StaffOnly(),
        bad_fields={
            "status": [*NOT_TEXT, "", "lost", "paid", "SHIPPED", MISSING,
                       Refused("pending", 409, "invalid_transition"), Refused("delivered", 409, "invalid_transition")],
            "trackingNumber": [*NOT_LINE, "x" * 101],
            "carrier": [*NOT_LINE, "x" * 61],
        },
    ),
    Endpoint(
        "POST", "/api/orders/{orderId}/cancel", "cancel_order",
        by="anna", ids=annas_order, owner=ANNAS_ORDER,
    ),
    # --- Users
    Endpoint(
        "POST", "/api/users/register", "register",
        by="nobody", status=201,
        body=lambda world: {
            "email": "carla@example.com", "password": "a fine long passphrase", "firstName": "Carla",
            "lastName": "Ohm", "phone": "+49 30 901821",
        },
        owner=Public("makes what was nobody's; a known address is refused below"),
        bad_fields={
            **PERSON,
            "email": [*NOT_EMAIL, None, "", MISSING, Refused("anna@example.com", 409, "email_taken"),
                      Refused(" Anna@EXAMPLE.com", 409, "email_taken")],
            "password": [*NOT_TEXT, "", "x" * 1001, MISSING, "short", "password123", "1234567890",
                         *by_the_shop("password", "carla@example.com")],
        },
    ),
    Endpoint(
        "POST", "/api/users/login", "login",
        by="nobody", body=lambda world: {"email": "anna@example.com", "password": PASSWORD},
        owner=Public("whoever knows the password; who does not is refused below, alike for a known and an unknown one"),
        bad_fields={
            "email": [*NOT_TEXT, "x" * 255, MISSING, Refused("nobody@example.com", 401, "wrong_credentials")],
            "password": [*NOT_TEXT, "", "x" * 1001, MISSING, Refused("wrong", 401, "wrong_credentials")],
            "cartId": [*NOT_TEXT, "x" * 41],
            "otp": [*NOT_TEXT, "x" * 41],
        },
    ),
    Endpoint(
        "GET", "/api/users/{userId}", "get_user",
        by="anna", ids=annas_user, owner=ANNAS_ACCOUNT,
    ),
    Endpoint(
        "PUT", "/api/users/{userId}", "update_user",
        by="anna", ids=annas_user,
        body=lambda world: {
            "firstName": "Anne", "phone": "", "addresses": [ADDRESS | {"line2": "Hinterhaus"}, ADDRESS],
        },
        owner=ANNAS_ACCOUNT,
        bad_fields={
            **PERSON,
            "email": [*NOT_EMAIL, None, Refused("anne@example.com", 400, "invalid_input", blames="currentPassword"),
                      Refused("ben@example.com", 400, "invalid_input", blames="currentPassword")],
            "addresses": [None, 1, "x", {}, [1], [None], [{}], [ADDRESS] * 51],
            **addresses_at("addresses.0."),
            "currentPassword": [*NOT_TEXT, "x" * 1001],
        },
    ),
    Endpoint(
        "GET", "/api/users/{userId}/orders", "orders_of_user",
        by="anna", ids=annas_user, owner=ANNAS_ACCOUNT,
        bad_query=LIST_QUERY,
    ),
]  # fmt: skip

# What the API has beyond the specification.
ADDITIONS = {
    "GET /api/products/suggest",
    "POST /api/users/logout",
    "POST /api/users/verify-email",
    "POST /api/users/verify-email/send",
    "GET /api/users/{user_id}/tokens",
    "POST /api/users/{user_id}/tokens",
    "POST /api/users/{user_id}/tokens/{token_id}/rotate",
    "DELETE /api/users/{user_id}/tokens/{token_id}",
    "GET /api/users/{user_id}/sessions",
    "DELETE /api/users/{user_id}/sessions",
    "DELETE /api/users/{user_id}/sessions/{session_id}",
    "GET /api/shipping/options",
    "GET /api/users/{user_id}/export",
    "POST /api/users/{user_id}/erase",
    "GET /api/products/{product_id}/reviews",
    "POST /api/products/{product_id}/reviews",
    "PUT /api/reviews/{review_id}",
    "DELETE /api/reviews/{review_id}",
    "POST /api/reviews/{review_id}/report",
    "GET /api/users/{user_id}/reviews",
    "GET /api/products/{product_id}/recommendations",
    "GET /api/recommendations/together",
    "GET /api/recommendations/popular",
    "GET /api/users/{user_id}/recommendations",
    "GET /api/inventory/{sku}",
    "PUT /api/inventory/{sku}",
    "POST /api/cart/{user_id}/coupon",
    "DELETE /api/cart/{user_id}/coupon",
    "POST /api/orders/track",
    "POST /api/orders/{order_id}/edits",
    "POST /api/orders/{order_id}/edits/preview",
    "GET /api/orders/{order_id}/invoices",
    "GET /api/orders/{order_id}/invoices/{number}.pdf",
    "GET /api/orders/{order_id}/refunds",
    "POST /api/orders/{order_id}/refunds",
    "POST /api/orders/{order_id}/resend",
    "GET /api/orders/{order_id}/shipments",
    "POST /api/orders/{order_id}/shipments",
    "PUT /api/orders/{order_id}/shipments/{shipment_id}",
    "DELETE /api/orders/{order_id}/shipments/{shipment_id}",
    "POST /api/orders/{order_id}/shipments/{shipment_id}/replacement",
    "GET /api/orders/{order_id}/returns",
    "POST /api/orders/{order_id}/returns",
    "PUT /api/orders/{order_id}/returns/{return_id}",
    "GET /api/webhooks/endpoints",
    "GET /api/webhooks/deliveries",
    "GET /api/webhooks/deliveries/{delivery_id}",
    "POST /api/webhooks/deliveries/{delivery_id}/replay",
    "POST /api/webhooks/replay",
}
