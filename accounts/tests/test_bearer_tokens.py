from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import operations
from accounts.models import ApiToken, User
from accounts.tests.clients import ApiClient
from accounts.tests.factories import StaffFactory, UserFactory

pytestmark = pytest.mark.django_db


def test_signs_in(customer: User, customer_api: ApiClient) -> None:
    assert customer_api.get("/users/me").json()["data"]["userId"] == customer.public_id


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer "])
def test_takes_the_scheme_in_any_case(customer_api: ApiClient, scheme: str) -> None:
    response = ApiClient().get("/users/me", Authorization=f"{scheme} {customer_api.bearer}")
    assert response.status_code == 200


def test_nobody_is_401(api: ApiClient) -> None:
    response = api.get("/users/me")
    assert response.status_code == 401
    assert response.json()["code"] == "unauthenticated"
    assert response["WWW-Authenticate"] == "Bearer"


def test_an_unknown_token_is_401_on_every_api_path(api: ApiClient) -> None:
    response = ApiClient("tok_made-up").get("/products")
    assert response.status_code == 401
    assert response.json()["code"] == "invalid_token"
    assert response.json()["requestId"]


def test_ends_when_it_expires(customer: User) -> None:
    secret = operations.issue_token(customer, "old", timezone.now() - timedelta(days=31))[1]
    assert ApiClient(secret).get("/users/me").status_code == 401


def test_ends_with_the_account(customer: User, customer_api: ApiClient) -> None:
    User.objects.update(is_active=False)
    assert customer_api.get("/users/me").status_code == 401


def test_ends_at_sign_out(customer: User, customer_api: ApiClient) -> None:
    other = ApiClient.of(customer)
    assert customer_api.post("/users/logout").status_code == 204
    assert customer_api.get("/users/me").status_code == 401
    assert other.get("/users/me").status_code == 200


def test_sign_out_ends_a_session_too(browser: Client) -> None:
    assert browser.post("/api/users/logout").status_code == 204
    assert browser.get("/api/users/me").status_code == 401


def test_remembers_its_last_use_once_a_minute(customer_api: ApiClient) -> None:
    customer_api.get("/users/me")
    first = ApiToken.objects.get().last_used_at
    assert first
    with CaptureQueriesContext(connection) as queries:
        customer_api.get("/users/me")
    assert not [query for query in queries if query["sql"].startswith("UPDATE")]
    ApiToken.objects.update(last_used_at=first - timedelta(minutes=2))
    customer_api.get("/users/me")
    assert ApiToken.objects.filter(last_used_at__gt=first).exists()


def test_never_acts_as_the_person_of_the_session(browser: Client) -> None:
    """A bearer request passes the cross-site rule, so a cookie must not lend it a person."""
    for value in ("order-secret", "tok_made-up"):
        assert browser.get("/api/users/me", headers={"Authorization": f"Bearer {value}"}).status_code == 401
    other = UserFactory.create()
    response = browser.get("/api/users/me", headers={"Authorization": f"Bearer {ApiClient.of(other).bearer}"})
    assert response.json()["data"]["userId"] == other.public_id


def test_opens_no_page(customer_api: ApiClient) -> None:
    staff = ApiClient.of(StaffFactory.create(is_superuser=True))
    response = Client().get("/admin/", headers={"Authorization": f"Bearer {staff.bearer}"})
    assert response.status_code == 302
    assert "/login/" in response["Location"]
