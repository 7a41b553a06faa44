from typing import Any

import pytest

from accounts.models import User
from accounts.tests.clients import ApiClient
from accounts.tests.factories import StaffFactory, UserFactory
from catalog.models import Product
from reviews.models import Review

from .factories import review_of

pytestmark = pytest.mark.usefixtures("sound")
MISSING = "review_0123456789abcdefghijAB"
SCRIPT = "<script>alert(1)</script> https://spam.example"


def without_id(answer: Any) -> dict[str, Any]:
    return {name: value for name, value in answer.json().items() if name != "requestId"}


def test_a_buyer_writes_changes_and_deletes(customer_api: ApiClient, product: Product, api: ApiClient) -> None:
    path = f"/products/{product.public_id}/reviews"
    body = {"rating": 5, "title": " Fine ", "text": SCRIPT}
    written = customer_api.post(path, body)
    assert written.status_code == 201, written.content
    data = written.json()["data"]
    assert data | {"reviewId": "", "createdAt": "", "updatedAt": ""} == {
        "reviewId": "", "productId": product.public_id, "rating": 5, "title": "Fine", "text": SCRIPT,
        "author": "Ada B.", "verified": True, "status": "pending", "staffReply": "", "createdAt": "", "updatedAt": "",
    }  # fmt: skip
    assert customer_api.post(path, body).json()["code"] == "already_reviewed"
    assert api.get(path).json()["data"] == []
    changed = customer_api.put(f"/reviews/{data['reviewId']}", {"rating": 1})
    assert (changed.status_code, changed.json()["data"]["rating"], changed.json()["data"]["text"]) == (200, 1, "")
    assert customer_api.get("/users/me/reviews").json()["data"][0]["status"] == "pending"
    deleted = customer_api.delete(f"/reviews/{data['reviewId']}")
    assert deleted.json()["data"] == {"reviewId": data["reviewId"]}
    assert customer_api.delete(f"/reviews/{data['reviewId']}").status_code == 404


def test_sent_again_with_its_key_it_is_written_once(customer_api: ApiClient, product: Product) -> None:
    answers = [
        customer_api.post(f"/products/{product.public_id}/reviews", {"rating": 5}, idempotency_key="k")
        for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].content == answers[1].content
    assert Review.objects.count() == 1


def test_lists_filter_sort_and_count(product: Product, review: Review, api: ApiClient) -> None:
    for rating in (5, 1):
        review_of(product, rating=rating)
    review_of(product, rating=1, approved=False)
    path = f"/products/{product.public_id}/reviews"
    body = api.get(path).json()
    assert [row["rating"] for row in body["data"]] == [1, 5, 4]
    histogram = {"5": 1, "4": 1, "3": 0, "2": 0, "1": 1}
    assert body["rating"] == {"average": 3.33, "count": 3, "histogram": histogram}
    assert body["pagination"] | {"totalIsEstimate": None} == {
        "limit": 20, "offset": 0, "total": 3, "hasMore": False, "totalIsEstimate": None,
    }  # fmt: skip
    assert [row["rating"] for row in api.get(f"{path}?sortBy=highest").json()["data"]] == [5, 4, 1]
    assert [row["rating"] for row in api.get(f"{path}?sortBy=lowest&limit=1&offset=1").json()["data"]] == [4]
    only = api.get(f"{path}?rating=1").json()
    assert (len(only["data"]), only["pagination"]["total"], only["rating"]["count"]) == (1, 1, 3)
    shown = api.get(f"/products/{product.public_id}").json()["data"]["rating"]
    assert shown == {"average": 3.33, "count": 3}


@pytest.mark.parametrize("query", ["rating=0", "rating=6", "rating=x", "sortBy=best", "limit=0", "offset=-1"])
def test_bad_parameters_are_named(query: str, product: Product, api: ApiClient) -> None:
    answer = api.get(f"/products/{product.public_id}/reviews?{query}")
    assert (answer.status_code, list(answer.json()["fields"])) == (400, [query.split("=")[0]])


@pytest.mark.parametrize(
    ("body", "field"),
    [({}, "rating"), ({"rating": 0}, "rating"), ({"rating": 6}, "rating"), ({"rating": "5"}, "rating"),
     ({"rating": 4.5}, "rating"), ({"rating": 5, "title": "x" * 121}, "title"),
     ({"rating": 5, "title": "a\nb"}, "title"),
     ({"rating": 5, "text": "x" * 4001}, "text"), ({"rating": 5, "text": "a\x07"}, "text"),
     ({"rating": 5, "state": "published"}, "state")],
)  # fmt: skip
def test_bad_bodies_are_named(body: Any, field: str, customer_api: ApiClient, product: Product, review: Review) -> None:
    for answer in (
        customer_api.post(f"/products/{product.public_id}/reviews", body),
        customer_api.put(f"/reviews/{review.public_id}", body),
    ):
        assert (answer.status_code, list(answer.json()["fields"])) == (400, [field])


def test_strangers_are_refused(customer: User, product: Product, review: Review, api: ApiClient) -> None:
    stranger = ApiClient.of(UserFactory.create())
    path, body = f"/products/{product.public_id}/reviews", {"rating": 5}
    assert api.post(path, body).status_code == 401
    refused = stranger.post(path, body)
    assert (refused.status_code, refused.json()["code"]) == (403, "not_bought")
    for send in (lambda name: stranger.put(name, body), stranger.delete):
        foreign, missing = send(f"/reviews/{review.public_id}"), send(f"/reviews/{MISSING}")
        assert (foreign.status_code, without_id(foreign)) == (404, without_id(missing))
    for method in ("PUT", "DELETE"):
        assert api.send(method, f"/reviews/{review.public_id}", body).status_code == 401
    foreign = stranger.get(f"/users/{customer.public_id}/reviews")
    assert (foreign.status_code, without_id(foreign)) == (404, without_id(stranger.get("/users/user_0/reviews")))
    staff = ApiClient.of(StaffFactory.create(permissions=["reviews.view_review"]))
    assert len(staff.get(f"/users/{customer.public_id}/reviews").json()["data"]) == 1


def test_a_withdrawn_or_missing_product_has_no_reviews(product: Product, customer_api: ApiClient) -> None:
    Product.objects.update(is_active=False)
    for name in (product.public_id, "prod_0", "%00", "x" * 5000):
        assert customer_api.get(f"/products/{name}/reviews").status_code == 404
        assert customer_api.post(f"/products/{name}/reviews", {"rating": 5}).status_code == 404


def test_reporting(review: Review, api: ApiClient) -> None:
    reader = ApiClient.of(UserFactory.create())
    path = f"/reviews/{review.public_id}/report"
    assert api.post(path).status_code == 401
    for _ in range(2):
        assert reader.post(path).json()["data"] == {"reviewId": review.public_id, "reported": True}
    assert review.reports.count() == 1
    hidden = review_of(review.product, approved=False)
    assert reader.post(f"/reviews/{hidden.public_id}/report").status_code == 404


def test_writing_is_throttled(customer_api: ApiClient, review: Review) -> None:
    codes = [customer_api.put(f"/reviews/{review.public_id}", {"rating": 3}).status_code for _ in range(12)]
    assert codes[:10] == [200] * 10
    assert 429 in codes


def test_queries_do_not_grow_with_the_rows(product: Product, api: ApiClient, django_assert_num_queries: Any) -> None:
    for _ in range(2):
        review_of(product)
        with django_assert_num_queries(5):
            assert api.get(f"/products/{product.public_id}/reviews").status_code == 200
