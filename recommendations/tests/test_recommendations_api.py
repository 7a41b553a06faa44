from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from accounts.tests.clients import ApiClient
from accounts.tests.factories import StaffFactory, UserFactory
from catalog.models import Product
from recommendations import operations

from .factories import make_products, order_of

pytestmark = pytest.mark.usefixtures("sound")


@pytest.fixture
def shelf(customer: User) -> list[Product]:
    """Cup and pot go together; the lamp is bought by none; the customer has a cup."""
    cup, pot, lamp = make_products(3)
    for _ in range(2):
        order_of(cup, pot, user=UserFactory.create())
    order_of(cup, user=customer)
    operations.generate(timezone.now() + timedelta(seconds=1))
    return [cup, pot, lamp]


def ids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [row["productId"] for row in answer.json()["data"]]


def without_id(answer: Any) -> dict[str, Any]:
    return {name: value for name, value in answer.json().items() if name != "requestId"}


def test_a_products_answer_leads_to_what_goes_with_it(shelf: list[Product], api: ApiClient) -> None:
    cup, pot, lamp = shelf
    link = api.get(f"/products/{cup.public_id}").json()["data"]["recommendations"]
    data = api.get(link.partition("/api")[2]).json()["data"]
    assert [row["productId"] for row in data["boughtTogether"]] == [pot.public_id]
    assert [row["productId"] for row in data["similar"]] == [lamp.public_id]
    assert data["similar"][0] == api.get(f"/products/{lamp.public_id}").json()["data"]


def test_what_is_missing_or_wrong_is_told(shelf: list[Product], api: ApiClient) -> None:
    Product.objects.filter(pk=shelf[0].pk).update(is_active=False)
    for name in (shelf[0].public_id, "prod_0", "%00", "x" * 5000):
        assert api.get(f"/products/{name}/recommendations").status_code == 404
    for limit in ("0", "25", "x", "1.5"):
        for path in (f"/products/{shelf[1].public_id}/recommendations", "/recommendations/popular"):
            answer = api.get(f"{path}?limit={limit}")
            assert (answer.status_code, list(answer.json()["fields"])) == (400, ["limit"])
    assert api.get("/recommendations/popular?category=nowhere").status_code == 404


def test_popular_in_the_shop_and_in_a_category(shelf: list[Product], api: ApiClient) -> None:
    cup, pot, _ = shelf
    assert ids(api.get("/recommendations/popular")) == [cup.public_id, pot.public_id]
    assert ids(api.get(f"/recommendations/popular?limit=1&category={cup.category.public_id}")) == [cup.public_id]
    (elsewhere,) = make_products(1)
    assert ids(api.get(f"/recommendations/popular?category={elsewhere.category.url_path}")) == []


def test_together_with_several(shelf: list[Product], api: ApiClient) -> None:
    cup, pot, lamp = shelf
    path = "/recommendations/together"
    assert ids(api.get(f"{path}?productId={cup.public_id}&productId={lamp.public_id}")) == [pot.public_id]
    assert ids(api.get(f"{path}?productId={cup.public_id}&productId={pot.public_id}&productId=x")) == []
    for query in ("", "?" + "&".join(["productId=x"] * 51)):
        answer = api.get(path + query)
        assert (answer.status_code, list(answer.json()["fields"])) == (400, ["productId"])


def test_ones_own_are_ones_own(shelf: list[Product], customer: User, customer_api: ApiClient, api: ApiClient) -> None:
    _, pot, _ = shelf
    for name in ("me", customer.public_id):
        assert ids(customer_api.get(f"/users/{name}/recommendations")) == [pot.public_id]
    path = f"/users/{customer.public_id}/recommendations"
    assert api.get(path).status_code == 401
    stranger = ApiClient.of(UserFactory.create())
    foreign = stranger.get(path)
    assert (foreign.status_code, without_id(foreign)) == (
        404,
        without_id(stranger.get("/users/user_0123456789/recommendations")),
    )
    assert ids(ApiClient.of(StaffFactory.create(permissions=["accounts.view_user"])).get(path)) == [pot.public_id]


def test_queries_do_not_grow_with_the_rows(
    customer: User, customer_api: ApiClient, api: ApiClient, django_assert_num_queries: Any
) -> None:
    products: list[Product] = []
    category = None
    for _ in range(2):
        products += make_products(3, category)
        category = products[0].category
        for _ in range(2):
            order_of(*products)
        operations.generate(timezone.now() + timedelta(seconds=1))
        with django_assert_num_queries(9):
            assert api.get(f"/products/{products[0].public_id}/recommendations").status_code == 200
        with django_assert_num_queries(5):
            assert api.get("/recommendations/popular").status_code == 200
