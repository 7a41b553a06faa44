"""Pages of a list: by offset as specified, by cursor to any depth, and the links from one to the next."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core import signing
from django.test import Client

from accounts.models import User
from accounts.tests.clients import ApiClient
from catalog.models import Category, Product
from catalog.search import documents, get_backend
from catalog.tests.factories import CategoryFactory, VariantFactory
from checkout.tests.factories import make_variant, place_order
from orders.models import Order
from shop import paging

pytestmark = pytest.mark.django_db
SORTS = ["relevance", "newest", "price_asc", "price_desc", "name_asc", "name_desc", "rating_desc"]
COUNT = 11
LINK = re.compile(r'<([^>]+)>; rel="(\w+)"')


@pytest.fixture
def products(db: None) -> list[Product]:
    """Many ties in every order: price, name, time of making, rating."""
    made = [VariantFactory.create(price_minor=1000 + 500 * (n // 4)).product for n in range(COUNT)]
    CategoryFactory.create(name="Below", parent=made[0].category)
    for place, product in enumerate(made):
        Product.objects.filter(pk=product.pk).update(
            name=f"Mug {'ABC'[place % 3]}",
            category=made[0].category,
            created_at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=place // 3),
            rating_average=f"{place % 3}.50",
        )
    get_backend().index(documents(list(Product.objects.with_details())))
    return made


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the list were too long for offsets after the second row."""
    monkeypatch.setattr(paging, "MAX_OFFSET", 2)


def links(answer: Any) -> dict[str, str]:
    return {rel: address for address, rel in LINK.findall(answer.get("Link", ""))}


def followed(api: ApiClient, path: str, rel: str = "next") -> list[Any]:
    """The answers from this one to the last, by their links."""
    answers = [api.get(path)]
    while address := links(answers[-1]).get(rel):
        parts = urlsplit(address)
        answers.append(api.get(f"{parts.path.removeprefix('/api')}?{parts.query}"))
        assert len(answers) < 30
    assert all(answer.status_code == 200 for answer in answers), answers[-1].content
    return answers


def ids(answers: list[Any]) -> list[str]:
    return [row.get("productId") or row["orderId"] for answer in answers for row in answer.json()["data"]]


def by_cursor(api: ApiClient, path: str) -> list[Any]:
    answers = [api.get(path)]
    while cursor := answers[-1].json()["pagination"].get("nextCursor"):
        answers.append(api.get(f"{path}&cursor={cursor}"))
        assert len(answers) < 30
    return answers


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize(
    "list_", ["/products?", "/products/search?", "/products/search?q=mug&", "/products/category/{}?"]
)
def test_cursors_and_links_go_through_all_in_the_same_order(
    list_: str, sort: str, products: list[Product], api: ApiClient
) -> None:
    path = list_.format(Category.objects.get(pk=products[0].category_id).url_path) + f"sortBy={sort}"
    whole = ids([api.get(f"{path}&limit=100")])
    assert len(whole) == len(set(whole)) == COUNT
    pages = by_cursor(api, f"{path}&limit=2")
    assert ids(pages) == whole
    assert [page.json()["pagination"]["offset"] for page in pages] == list(range(0, COUNT, 2))
    assert [page.json()["pagination"]["hasMore"] for page in pages] == [True] * (len(pages) - 1) + [False]
    assert ids(followed(api, f"{path}&limit=3")) == whole


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("sort", SORTS)
def test_links_turn_to_cursors_where_offsets_end(sort: str, products: list[Product], api: ApiClient) -> None:
    pages = followed(api, f"/products?sortBy={sort}&limit=2&inStock=false")
    assert len(set(ids(pages))) == COUNT
    ways = ["cursor" if "cursor=" in links(page)["next"] else "offset" for page in pages[:-1]]
    assert ways == ["offset"] + ["cursor"] * (len(pages) - 2)
    assert all("inStock=false" in address for page in pages for address in links(page).values())


def test_a_row_that_goes_leaves_no_gap_behind_a_cursor(products: list[Product], api: ApiClient) -> None:
    whole = ids([api.get("/products?limit=100")])
    cursor = api.get("/products?limit=4").json()["pagination"]["nextCursor"]
    Product.objects.filter(public_id__in=[whole[0], whole[3]]).update(is_active=False)
    assert ids([api.get(f"/products?limit=4&cursor={cursor}")]) == whole[4:8]


def test_the_first_the_previous_and_the_next(products: list[Product], api: ApiClient, settings: Any) -> None:
    settings.SHOP_BASE_URL = "https://shop.example"
    answer = api.get("/v1/products?offset=4&limit=3&attr.color=&sortBy=newest")
    base = "https://shop.example/api/v1/products?limit=3&attr.color=&sortBy=newest"
    assert links(answer) == {"first": base, "prev": f"{base}&offset=1", "next": f"{base}&offset=7"}
    assert set(links(api.get("/products?limit=100"))) == {"first"}
    assert set(links(api.get("/products?offset=10"))) == {"first", "prev"}
    assert "Link" not in api.get(f"/products/{products[0].public_id}")


def test_a_path_can_add_no_link(products: list[Product], api: ApiClient) -> None:
    category = Category.objects.get(pk=products[0].category_id)
    answer = api.get(f"/products/category/%2F{category.url_path}%2F%2F?q=%3E%3B%20rel%3D%22next%22%0d%0aX:y")
    assert set(links(answer)) == {"first"}
    assert "X" not in answer


def test_what_is_absent_is_absent(products: list[Product], api: ApiClient) -> None:
    assert api.get("/products").json()["pagination"] == {"limit": 20, "offset": 0, "total": COUNT, "hasMore": False}


def test_one_place_has_one_cursor(products: list[Product], api: ApiClient) -> None:
    """Else no list would have an ETag that lasts."""
    first = api.get("/products?limit=2")
    assert api.get("/products?limit=2", if_none_match=first["ETag"]).status_code == 304


def test_a_cursor_shows_no_private_key(products: list[Product], api: ApiClient) -> None:
    cursor = api.get("/products?limit=2").json()["pagination"]["nextCursor"]
    place = signing.Signer(salt="cursor").unsign_object(cursor)
    assert not {product.pk for product in products} & {value for value in place[2] if isinstance(value, int)}
    assert place[3].startswith("prod_")


class TestWhatIsNoCursor:
    @pytest.mark.parametrize("cursor", ["x", "%00", "a:b", "W10:x", "1e9", "x" * 1001, "%ff", "null"])
    @pytest.mark.parametrize("path", ["/products", "/products/search", "/users/me/orders", "/orders/user/me"])
    def test_is_refused(self, cursor: str, path: str, customer_api: ApiClient) -> None:
        answer = customer_api.get(f"{path}?cursor={cursor}")
        assert (answer.status_code, list(answer.json()["fields"])) == (400, ["cursor"])

    def test_one_of_another_order_is_refused(self, products: list[Product], api: ApiClient) -> None:
        cursor = api.get("/products?limit=2&sortBy=newest").json()["pagination"]["nextCursor"]
        for path in ("/products?sortBy=price_asc&", "/products/search?q=mug&"):
            answer = api.get(f"{path}cursor={cursor}")
            assert (answer.status_code, list(answer.json()["fields"])) == (400, ["cursor"])

    def test_one_beside_an_offset_is_refused(self, products: list[Product], api: ApiClient) -> None:
        cursor = api.get("/products?limit=2").json()["pagination"]["nextCursor"]
        assert list(api.get(f"/products?offset=2&cursor={cursor}").json()["fields"]) == ["cursor"]

    def test_one_of_a_row_that_is_no_more_is_refused(self, products: list[Product], api: ApiClient) -> None:
        cursor = api.get("/products?limit=2&sortBy=newest").json()["pagination"]["nextCursor"]
        forged = paging.write_cursor(paging.read_cursor(cursor, sort="newest", offset=0)._replace(row="prod_gone"))
        assert list(api.get(f"/products?sortBy=newest&cursor={forged}").json()["fields"]) == ["cursor"]

    def test_the_best_matches_end_somewhere(self, products: list[Product], api: ApiClient) -> None:
        far = paging.write_cursor(paging.Place("rank", paging.MAX_OFFSET + 1, [], "prod_x"))
        answer = api.get(f"/products/search?q=mug&cursor={far}")
        assert answer.status_code == 400
        assert "10000" in answer.json()["fields"]["cursor"][0]


def test_orders_have_cursors_too(customer: User, customer_api: ApiClient) -> None:
    variant = make_variant(stock=100)
    placed = [place_order(variant, user=customer).public_id for _ in range(5)][::-1]
    for path in ("/orders/user/me?limit=2", "/users/me/orders?limit=2"):
        assert ids(by_cursor(customer_api, path)) == placed
        assert ids(followed(customer_api, path)) == placed
    cursor = customer_api.get("/users/me/orders?limit=2").json()["pagination"]["nextCursor"]
    assert str(Order.objects.order_by("-id")[1].pk) not in str(signing.Signer(salt="cursor").unsign_object(cursor)[2])


def test_a_cursor_of_orders_opens_nobody_elses(customer: User, customer_api: ApiClient) -> None:
    variant = make_variant(stock=100)
    for _ in range(3):
        place_order(variant, user=customer)
    cursor = customer_api.get("/users/me/orders?limit=1").json()["pagination"]["nextCursor"]
    other = ApiClient.of(User.objects.create_user("other@example.com"))
    assert other.get(f"/users/me/orders?cursor={cursor}").json()["data"] == []


def test_every_list_that_names_a_cursor_takes_it(customer: User, customer_api: ApiClient, admin_api: ApiClient) -> None:
    for name in "abc":
        assert customer_api.post("/users/me/tokens", {"name": name, "scopes": ["orders:read"]}).status_code == 201
    for _ in range(3):
        Client().force_login(customer)
    described = customer_api.get("/openapi.json").json()["paths"]
    lists = [
        path.removeprefix("/api").replace("{user_id}", "me")
        for path, methods in described.items()
        if "cursor" in {item["name"] for item in methods.get("get", {}).get("parameters", [])}
    ]
    assert {"/users/me/tokens", "/users/me/sessions", "/users/me/reviews", "/users/me/orders"} <= set(lists)
    for path in lists:
        if "{" not in path:
            api = admin_api if path.startswith("/webhooks") else customer_api
            assert list(api.get(f"{path}?cursor=x").json().get("fields", {})) == ["cursor"], path
            pages = by_cursor(api, f"{path}?limit=1")
            assert sum(len(page.json()["data"]) for page in pages) == pages[0].json()["pagination"]["total"], path
