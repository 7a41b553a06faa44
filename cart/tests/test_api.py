import re
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.tests.clients import ApiClient
from accounts.tests.factories import StaffFactory, UserFactory
from cart import operations
from cart.errors import TooManyHeld
from cart.models import CartSnapshot
from catalog.models import Variant
from catalog.tests.factories import VariantFactory
from inventory import operations as inventory
from shop.rate_limits import LIMITS, Limit

from .factories import available, cart_of, contents, holds, item_id

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sound")]
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z\Z")


def without_id(response: Any) -> dict[str, Any]:
    body: dict[str, Any] = response.json()
    assert body.pop("requestId") == response["X-Request-Id"]
    return body


def test_the_specifications_example(customer: User, customer_api: ApiClient) -> None:
    headphones = VariantFactory.create(sku="WH-001", price_minor=19999, stock=100, product__name="Wireless Headphones")
    product_id = headphones.product.public_id
    response = customer_api.post(f"/cart/{customer.public_id}/items", {"productId": product_id, "quantity": 2})
    assert response.status_code == 200
    body = response.json()
    assert body["success"] is True
    assert body.keys() == {"success", "data"}
    data = body["data"]
    (item,) = data.pop("items")
    for name in ("createdAt", "updatedAt"):
        assert MOMENT.match(data.pop(name))
    cart = CartSnapshot.objects.get()
    assert data == {
        "cartId": cart.public_id,
        "userId": customer.public_id,
        "total": 399.98,
        "couponCodes": [],
        "discounts": [],
        "discountTotal": 0,
        "rejectedCoupons": [],
        "itemCount": 2,
        "currency": "EUR",
        "version": 2,
    }
    assert MOMENT.match(item.pop("addedAt"))
    assert MOMENT.match(item.pop("heldUntil"))
    assert item == {
        "itemId": item_id(cart, "WH-001"),
        "productId": product_id,
        "variantId": headphones.public_id,
        "sku": "WH-001",
        "name": "Wireless Headphones",
        "price": 199.99,
        "quantity": 2,
        "subtotal": 399.98,
    }
    assert re.match(r"cart_\w{22}\Z", data["cartId"])
    assert re.match(r"item_\w{22}\Z", item_id(cart, "WH-001"))


class TestWhose:
    """Another's cart is answered as a missing one is, to the letter."""

    @pytest.fixture
    def theirs(self, mug: Variant) -> CartSnapshot:
        return cart_of(UserFactory.create(), MUG=2)

    @pytest.mark.parametrize("who", ["api", "customer_api"])
    def test_anothers_is_as_one_that_is_missing(
        self, who: str, theirs: CartSnapshot, request: pytest.FixtureRequest
    ) -> None:
        caller: ApiClient = request.getfixturevalue(who)
        assert theirs.user
        names = [
            theirs.user.public_id,
            theirs.public_id,
            str(theirs.pk),
            "user_nothing",
            "cart_nothing",
            theirs.public_id.upper(),
            f"{theirs.public_id}%20",
            "%2e%2e",
            "ME",
        ]
        line = item_id(theirs)
        for send in (
            lambda name: caller.get(f"/cart/{name}"),
            lambda name: caller.post(f"/cart/{name}/items", {"sku": "MUG"}),
            lambda name: caller.put(f"/cart/{name}/items/{line}", {"quantity": 1}),
            lambda name: caller.delete(f"/cart/{name}/items/{line}"),
            lambda name: caller.post(f"/cart/{name}/clear"),
        ):
            answers = [send(name) for name in names]
            assert {answer.status_code for answer in answers} == {404}
            assert {str(without_id(answer)) for answer in answers} == {str(without_id(send("user_other")))}
        assert contents(theirs) == {"MUG": 2}

    def test_the_owner_has_three_names_for_it(self, customer: User, customer_api: ApiClient, mug: Variant) -> None:
        cart = cart_of(customer, MUG=2)
        for name in ("me", customer.public_id, cart.public_id):
            assert customer_api.get(f"/cart/{name}").json()["data"]["cartId"] == cart.public_id

    def test_before_the_first_article_it_is_empty(self, customer: User, customer_api: ApiClient) -> None:
        data = customer_api.get("/cart/me").json()["data"]
        assert (data["cartId"], data["userId"], data["items"], data["total"]) == (None, customer.public_id, [], 0)
        assert not CartSnapshot.objects.exists()

    def test_a_guest_knows_it_by_its_secret(self, api: ApiClient, mug: Variant) -> None:
        data = api.post("/cart/me/items", {"sku": "MUG", "quantity": 2}).json()["data"]
        assert data["userId"] is None
        assert api.get(f"/cart/{data['cartId']}").json()["data"] == data
        again = api.post(f"/cart/{data['cartId']}/items", {"sku": "MUG"}).json()["data"]
        assert (again["cartId"], again["itemCount"]) == (data["cartId"], 3)

    def test_a_guest_without_cookies_gets_none(self, mug: Variant) -> None:
        for response in (
            Client().post("/api/cart/me/items", {"sku": "MUG"}, content_type="application/json"),
            Client().get("/api/cart/me"),
        ):
            assert response.status_code == 200
            assert not response.cookies

    @pytest.mark.django_db(transaction=True)
    def test_a_guest_with_a_session_keeps_one_cart(self, mug: Variant, bowl: Variant) -> None:
        browser = Client()
        browser.post("/cart/items/", {"sku": "MUG", "quantity": 1})

        def add() -> Any:
            body = {"sku": "BOWL"}
            return browser.post("/api/cart/me/items", body, content_type="application/json").json()["data"]

        first = add()
        assert [line["sku"] for line in first["items"]] == ["MUG", "BOWL"]
        assert browser.get("/api/cart/me").json()["data"]["cartId"] == first["cartId"]
        operations.close(CartSnapshot.objects.get(), now=timezone.now())
        with transaction.atomic():
            inventory.release(f"cart:{first['cartId']}")
        second = add()
        assert second["cartId"] != first["cartId"]
        assert browser.get("/cart/").context["cart"].item_count == 1

    @pytest.mark.django_db(transaction=True)
    def test_signing_in_takes_the_guests_cart_over(self, customer: User, mug: Variant) -> None:
        guest = cart_of(MUG=2)
        body = {"email": customer.email, "password": "correct horse battery", "cartId": guest.public_id}
        token = ApiClient().post("/users/login", body).json()["data"]["token"]
        assert ApiClient(token).get("/cart/me").json()["data"]["cartId"] == guest.public_id
        assert ApiClient().get(f"/cart/{guest.public_id}").status_code == 404

    def test_a_merged_cart_is_gone(self, customer: User, customer_api: ApiClient, mug: Variant) -> None:
        cart_of(customer, MUG=1)
        guest = cart_of(MUG=2)
        operations.merge(guest, customer, now=guest.updated_at)
        assert customer_api.get(f"/cart/{guest.public_id}").status_code == 404

    def test_staff_with_the_permission_may_look_and_not_touch(self, customer: User, mug: Variant) -> None:
        cart = cart_of(customer, MUG=2)
        staff = ApiClient.of(StaffFactory.create(permissions=["cart.view_cartsnapshot"]))
        data = staff.get(f"/cart/{customer.public_id}").json()["data"]
        assert (data["cartId"], data["userId"]) == (cart.public_id, customer.public_id)
        assert staff.post(f"/cart/{customer.public_id}/clear").status_code == 404
        assert staff.get("/cart/user_nothing").status_code == 404
        assert ApiClient.of(StaffFactory.create()).get(f"/cart/{customer.public_id}").status_code == 404

    def test_no_cache_keeps_it(self, api: ApiClient, mug: Variant) -> None:
        for response in (api.get("/cart/me"), api.get("/cart/nothing"), api.post("/cart/me/items", {"sku": "MUG"})):
            assert {"no-store", "private"} <= set(response["Cache-Control"].split(", "))


class TestAdd:
    @pytest.mark.parametrize(
        "quantity",
        ["0", "-1", "1.5", "2.0", '"2"', "true", "2147483648", "9223372036854775808", "null", "[2]", "{}", "1e3"],
    )
    def test_a_quantity_is_a_whole_number_from_one(self, api: ApiClient, mug: Variant, quantity: str) -> None:
        cart = cart_of(MUG=1)
        for response in (
            api.post("/cart/me/items", f'{{"sku": "MUG", "quantity": {quantity}}}'),
            api.put(f"/cart/{cart.public_id}/items/{item_id(cart)}", f'{{"quantity": {quantity}}}'),
        ):
            assert response.status_code == 400
            assert response.json()["code"] == "invalid_input"
            assert list(response.json()["fields"]) == ["quantity"]
        assert contents(cart) == {"MUG": 1}

    def test_without_a_quantity_it_is_one(self, api: ApiClient, mug: Variant) -> None:
        assert api.post("/cart/me/items", {"sku": "MUG"}).json()["data"]["itemCount"] == 1

    def test_above_the_limit_is_a_conflict(self, api: ApiClient, mug: Variant, settings: Any) -> None:
        settings.SHOP_MAX_QUANTITY = 5
        response = api.post("/cart/me/items", {"sku": "MUG", "quantity": 6})
        assert (response.status_code, response.json()["code"], response.json()["limit"]) == (409, "quantity_limit", 5)

    def test_more_than_there_is_is_a_conflict_that_tells_how_many_there_are(self, api: ApiClient, mug: Variant) -> None:
        response = api.post("/cart/me/items", {"sku": "MUG", "quantity": 11})
        assert response.status_code == 409
        assert without_id(response) == {
            "success": False,
            "error": "Only 10 left of MUG.",
            "code": "insufficient_stock",
            "fields": {"quantity": ["Only 10 left of MUG."]},
            "sku": "MUG",
            "available": 10,
        }
        assert not CartSnapshot.objects.exists(), "a first article that could not be added leaves no cart behind"

    @pytest.mark.parametrize("field", ["price", "discount", "subtotal", "priceMinor", "userId", "__proto__"])
    def test_what_is_not_the_callers_to_say_is_refused(self, api: ApiClient, mug: Variant, field: str) -> None:
        response = api.post("/cart/me/items", {"sku": "MUG", field: 1})
        assert (response.status_code, list(response.json()["fields"])) == (400, [field])

    def test_the_article_has_three_names(self, api: ApiClient, mug: Variant) -> None:
        for name in (
            {"sku": "MUG"},
            {"variantId": mug.public_id},
            {"productId": mug.product.public_id},
            {"productId": mug.product.public_id, "sku": "MUG"},
        ):
            assert api.post("/cart/me/items", name).json()["data"]["items"][0]["variantId"] == mug.public_id

    def test_names_that_disagree_name_nothing(self, api: ApiClient, mug: Variant, bowl: Variant) -> None:
        response = api.post("/cart/me/items", {"productId": mug.product.public_id, "sku": "BOWL"})
        assert (response.status_code, response.json()["code"]) == (404, "article_not_found")

    def test_a_product_of_several_variants_needs_the_choice(self, api: ApiClient, mug: Variant) -> None:
        VariantFactory.create(sku="MUG-L", product=mug.product)
        response = api.post("/cart/me/items", {"productId": mug.product.public_id})
        assert (response.status_code, list(response.json()["fields"])) == (400, ["variantId"])
        assert api.post("/cart/me/items", {"productId": mug.product.public_id, "sku": "MUG-L"}).status_code == 200

    @pytest.mark.parametrize("body", [{}, {"quantity": 1}, {"sku": ""}, {"sku": None}])
    def test_some_name_is_needed(self, api: ApiClient, body: dict[str, Any]) -> None:
        assert api.post("/cart/me/items", body).status_code == 400

    @pytest.mark.parametrize("of", ["variant", "product", "nothing"])
    def test_what_is_not_sold_is_not_found(self, api: ApiClient, mug: Variant, of: str) -> None:
        if of == "variant":
            Variant.objects.update(is_active=False)
        elif of == "product":
            mug.product.is_active = False
            mug.product.save()
        response = api.post("/cart/me/items", {"sku": "NONE" if of == "nothing" else "MUG"})
        assert (response.status_code, response.json()["code"]) == (404, "article_not_found")


class TestLines:
    def test_a_quantity_is_absolute(self, api: ApiClient, mug: Variant) -> None:
        cart = cart_of(MUG=5)
        for _ in range(2):
            response = api.put(f"/cart/{cart.public_id}/items/{item_id(cart)}", {"quantity": 3})
            assert response.json()["data"]["itemCount"] == 3
        assert holds(cart) == {"MUG": 3}

    def test_above_the_stock_is_a_conflict(self, api: ApiClient, mug: Variant) -> None:
        cart = cart_of(MUG=5)
        assert api.put(f"/cart/{cart.public_id}/items/{item_id(cart)}", {"quantity": 11}).status_code == 409
        assert contents(cart) == holds(cart) == {"MUG": 5}

    def test_removing_twice_gives_back_once(self, api: ApiClient, mug: Variant) -> None:
        cart = cart_of(MUG=5)
        path = f"/cart/{cart.public_id}/items/{item_id(cart)}"
        assert [api.delete(path).status_code for _ in range(2)] == [200, 404]
        assert available() == 10

    def test_an_item_of_another_cart_is_not_found(self, api: ApiClient, mug: Variant) -> None:
        mine, other = cart_of(MUG=1), cart_of(MUG=2)
        path = f"/cart/{mine.public_id}/items/{item_id(other)}"
        assert api.put(path, {"quantity": 5}).status_code == 404
        assert api.delete(path).status_code == 404
        assert contents(other) == {"MUG": 2}

    def test_clearing_twice_is_the_same(self, api: ApiClient, mug: Variant, bowl: Variant) -> None:
        cart = cart_of(MUG=5, BOWL=1)
        first, second = (api.post(f"/cart/{cart.public_id}/clear") for _ in range(2))
        assert first.json() == second.json()
        assert first.json()["data"]["items"] == []
        assert api.post("/cart/me/clear").status_code == 200

    def test_a_cart_that_was_ordered_is_a_conflict(self, api: ApiClient, mug: Variant) -> None:
        cart = cart_of(MUG=1)
        inventory.release(cart.reference)
        operations.close(cart, now=cart.updated_at)
        response = api.post(f"/cart/{cart.public_id}/items", {"sku": "MUG"})
        assert (response.status_code, response.json()["code"]) == (409, "cart_closed")


class TestLimits:
    def test_too_many_changes_are_told_when_to_come_back(self, api: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(LIMITS, "cart", Limit(per_minute=60, burst=2))
        answers = [api.post("/cart/me/clear") for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[2]["Retry-After"] == "1"

    def test_one_visitor_does_not_hold_the_whole_shop(
        self, api: ApiClient, customer_api: ApiClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        VariantFactory.create(sku="MANY", stock=1000)
        monkeypatch.setitem(LIMITS, "hold", Limit(per_minute=1, burst=40))
        body = {"sku": "MANY", "quantity": 20}
        assert [api.post("/cart/me/items", body).status_code for _ in range(3)] == [200, 200, 429]
        assert available("MANY") == 960
        # Who has signed in counts for themselves, whoever shares their address.
        assert [customer_api.post("/cart/me/items", body).status_code for _ in range(3)] == [200, 409, 429]

    def test_an_address_holds_no_more_than_its_share_in_however_many_carts(self, api: ApiClient, settings: Any) -> None:
        settings.SHOP_MAX_HELD_UNITS = 30
        VariantFactory.create(sku="MANY", stock=50)
        body = {"sku": "MANY", "quantity": 10}
        # Each time without a cookie: a new cart.
        answers = [ApiClient().post("/cart/me/items", body) for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 409, 409]
        assert answers[-1].json()["code"] == "too_many_held"
        assert available("MANY") == 20
        # What a cart holds already may stay as it is, and what is given back may be held again.
        first = answers[0].json()["data"]
        path = f"/cart/{first['cartId']}/items/{first['items'][0]['itemId']}"
        assert [ApiClient().put(path, {"quantity": units}).status_code for units in (10, 11, 4, 10)] == [
            200,
            409,
            200,
            200,
        ]
        # Somebody at another address still buys.
        elsewhere = Client(REMOTE_ADDR="198.51.100.7")
        answer = elsewhere.post("/api/cart/me/items", body, content_type="application/json")
        assert answer.status_code == 200
        assert available("MANY") == 10

    def test_an_account_holds_no_more_than_its_share(self, customer_api: ApiClient, settings: Any) -> None:
        settings.SHOP_MAX_HELD_UNITS = 15
        for sku in ("ONE", "TWO"):
            VariantFactory.create(sku=sku, stock=50)
        answers = [customer_api.post("/cart/me/items", {"sku": sku, "quantity": 10}) for sku in ("ONE", "TWO")]
        assert [answer.status_code for answer in answers] == [200, 409]
        assert answers[1].json()["limit"] == 15
        assert (available("ONE"), available("TWO")) == (40, 50)

    def test_checkout_holds_no_more_than_its_share(self, api: ApiClient, settings: Any) -> None:
        settings.SHOP_HOLD_STOCK_AT = "checkout"
        settings.SHOP_MAX_HELD_UNITS = 15
        VariantFactory.create(sku="MANY", stock=50)
        carts = [
            CartSnapshot.objects.get(
                public_id=ApiClient().post("/cart/me/items", {"sku": "MANY", "quantity": 10}).json()["data"]["cartId"]
            )
            for _ in range(2)
        ]
        operations.begin_checkout(carts[0], now=timezone.now())
        with pytest.raises(TooManyHeld), transaction.atomic():
            operations.begin_checkout(carts[1], now=timezone.now())
        assert available("MANY") == 40

    def test_without_holds_there_is_nothing_to_hoard(
        self, api: ApiClient, monkeypatch: pytest.MonkeyPatch, mug: Variant, settings: Any
    ) -> None:
        settings.SHOP_HOLD_STOCK_AT = "checkout"
        monkeypatch.setitem(LIMITS, "hold", Limit(per_minute=1, burst=1))
        assert [api.post("/cart/me/items", {"sku": "MUG", "quantity": 9}).status_code for _ in range(3)] == [200] * 3


@pytest.mark.parametrize("lines", [1, 6])
def test_reading_takes_the_same_queries_however_many_lines(
    customer: User, customer_api: ApiClient, lines: int, django_assert_num_queries: Any
) -> None:
    for number in range(lines):
        VariantFactory.create(sku=f"V{number}")
    cart_of(customer, **{f"V{number}": 1 for number in range(lines)})
    customer_api.get("/cart/me")
    # Token, cart, variants with products, pictures, stock, promotions.
    with django_assert_num_queries(6):
        customer_api.get("/cart/me")
