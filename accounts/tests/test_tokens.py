from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from accounts import operations
from accounts.models import ApiToken, User
from accounts.tasks import forget_old
from accounts.tests.clients import ApiClient
from accounts.tests.factories import PASSWORD, UserFactory
from shop.models import IdempotencyKey

pytestmark = pytest.mark.django_db

CI = {"name": "CI", "scopes": ["orders:read", "cart:write"], "expiresInDays": 7}
PAGE = "/account/tokens/"


def narrow(user: User, *scopes: str) -> ApiClient:
    return ApiClient(operations.issue_token(user, "narrow", timezone.now(), scopes=scopes)[1])


class TestCreate:
    def test_answers_the_secret_once(self, customer: User, customer_api: ApiClient) -> None:
        response = customer_api.post("/users/me/tokens", CI)
        assert response.status_code == 201
        assert "no-store" in response["Cache-Control"]
        data = response.json()["data"]
        assert set(data) == {
            "tokenId", "name", "hint", "scopes", "isCurrent", "createdAt", "lastUsedAt", "expiresAt", "token",
        }  # fmt: skip
        assert data["token"].startswith(data["hint"])
        assert data["scopes"] == ["cart:write", "orders:read"]
        expires = parse_datetime(data["expiresAt"])
        assert expires and timedelta(days=6) < expires - timezone.now() <= timedelta(days=7)
        assert ApiClient(data["token"]).get("/users/me/orders").status_code == 200
        assert ApiClient(data["token"]).get("/users/me").status_code == 403
        listed = customer_api.get("/users/me/tokens").json()["data"]
        assert data["token"] not in str(listed)

    def test_stores_the_secret_nowhere_that_can_be_read(self, customer_api: ApiClient) -> None:
        """A sender's retry gets it again for a day: the answer is kept for that, sealed."""
        first, again = (customer_api.post("/users/me/tokens", CI, idempotency_key="again") for _ in range(2))
        secret = first.json()["data"]["token"]
        assert again.json() == first.json()
        assert secret not in str(list(ApiToken.objects.values()))
        assert secret.encode() not in bytes(IdempotencyKey.objects.get().body or b"")

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("name", ""),
            ("name", "x" * 101),
            ("name", "two\nlines"),
            ("name", "Sign-in"),
            ("scopes", []),
            ("scopes", ["orders:delete"]),
            ("scopes", ["secrets:read"]),
            ("scopes", "orders:read"),
            ("scopes", [None]),
            ("expiresInDays", 0),
            ("expiresInDays", 31),
            ("expiresInDays", "30"),
            ("expiresAt", "2099-01-01T00:00:00Z"),
        ],
    )
    def test_refuses(self, customer_api: ApiClient, field: str, value: Any) -> None:
        response = customer_api.post("/users/me/tokens", CI | {field: value})
        assert response.status_code == 400
        assert field in str(response.json()["fields"])

    def test_never_begets_a_greater_one(self, customer: User) -> None:
        small = narrow(customer, "account:write", "orders:read")
        for scopes in (["*"], ["orders:write"], ["account:read", "cart:read"]):
            response = small.post("/users/me/tokens", CI | {"scopes": scopes})
            assert (response.status_code, response.json()["code"]) == (403, "insufficient_scope")
        assert small.post("/users/me/tokens", CI | {"scopes": ["account:read", "orders:read"]}).status_code == 201

    def test_stops_at_fifty_but_never_stops_a_sign_in(self, customer: User, customer_api: ApiClient) -> None:
        for _ in range(operations.tokens.MAX_TOKENS - 1):
            operations.issue_token(customer, "bulk", timezone.now())
        response = customer_api.post("/users/me/tokens", CI)
        assert (response.status_code, response.json()["code"]) == (409, "too_many_tokens")
        assert ApiClient().post("/users/login", {"email": customer.email, "password": PASSWORD}).status_code == 200


class TestRotate:
    def test_lets_the_old_secret_live_for_a_day(self, customer: User, customer_api: ApiClient) -> None:
        made = customer_api.post("/users/me/tokens", CI | {"expiresInDays": 90}).json()["data"]
        response = customer_api.post(f"/users/me/tokens/{made['tokenId']}/rotate")
        assert response.status_code == 201
        fresh = response.json()["data"]
        assert fresh["token"] != made["token"]
        assert (fresh["name"], fresh["scopes"]) == (made["name"], made["scopes"])
        for secret in (made["token"], fresh["token"]):
            assert ApiClient(secret).get("/users/me/orders").status_code == 200
        old, new = (ApiToken.objects.get(public_id=each["tokenId"]) for each in (made, fresh))
        assert timedelta(hours=23) < old.expires_at - timezone.now() <= timedelta(hours=24)
        assert (new.expires_at - new.created_at).days == 90

    def test_makes_no_token_live_longer(self, customer: User, customer_api: ApiClient) -> None:
        soon = timezone.now() + timedelta(hours=1)
        token, _ = operations.issue_token(customer, "short", timezone.now())
        ApiToken.objects.filter(pk=token.pk).update(expires_at=soon)
        customer_api.post(f"/users/me/tokens/{token.public_id}/rotate")
        token.refresh_from_db()
        assert token.expires_at == soon

    def test_is_no_way_to_a_greater_secret(self, customer: User) -> None:
        great, _ = operations.issue_token(customer, "great", timezone.now())
        response = narrow(customer, "account:write").post(f"/users/me/tokens/{great.public_id}/rotate")
        assert (response.status_code, response.json()["code"]) == (403, "insufficient_scope")


class TestListAndEnd:
    def test_lists_what_works_the_newest_first(self, customer: User, customer_api: ApiClient) -> None:
        operations.issue_token(customer, "over", timezone.now() - timedelta(days=31))
        operations.issue_token(UserFactory.create(), "somebody else's", timezone.now())
        customer_api.post("/users/me/tokens", CI)
        body = customer_api.get(f"/users/{customer.public_id}/tokens").json()
        assert [(token["name"], token["isCurrent"]) for token in body["data"]] == [("CI", False), ("test", True)]
        assert body["data"][1]["lastUsedAt"]
        assert body["pagination"]["total"] == 2

    def test_sign_ins_are_listed_and_can_be_ended(self, customer: User, customer_api: ApiClient) -> None:
        signed_in = ApiClient().post("/users/login", {"email": customer.email, "password": PASSWORD}).json()["data"]
        found = customer_api.get("/users/me/tokens").json()["data"][0]
        assert (found["name"], found["scopes"]) == ("sign-in", ["*"])
        assert customer_api.delete(f"/users/me/tokens/{found['tokenId']}").status_code == 204
        assert ApiClient(signed_in["token"]).get("/users/me").status_code == 401

    def test_anothers_is_missing(self, customer: User) -> None:
        token, secret = operations.issue_token(customer, "mine", timezone.now())
        staff = ApiClient.of(UserFactory.create(is_staff=True, is_superuser=True))
        other = ApiClient.of(UserFactory.create())
        for caller in (staff, other):
            for method, path in (
                ("GET", f"/users/{customer.public_id}/tokens"),
                ("POST", f"/users/{customer.public_id}/tokens"),
                ("DELETE", f"/users/{customer.public_id}/tokens/{token.public_id}"),
                ("DELETE", f"/users/me/tokens/{token.public_id}"),
                ("POST", f"/users/me/tokens/{token.public_id}/rotate"),
                ("DELETE", "/users/me/tokens/token_missing"),
            ):
                response = caller.send(method, path, CI if path.endswith("/tokens") and method == "POST" else None)
                assert (response.status_code, response.json()["code"]) == (404, "not_found")
        assert ApiClient(secret).get("/users/me").status_code == 200

    def test_nobody_is_401(self, api: ApiClient, customer: User) -> None:
        assert api.get("/users/me/tokens").status_code == 401
        assert api.post("/users/me/tokens", CI).status_code == 401


class TestPage:
    def test_shows_the_secret_once(self, browser: Client, customer: User) -> None:
        form = {"name": "CI", "scopes": ["orders:read"], "expires_in_days": "90"}
        response = browser.post(PAGE, form)
        secret = response.context["secret"]
        assert secret in response.content.decode()
        assert "no-store" in response["Cache-Control"]
        assert ApiClient(secret).get("/users/me/orders").status_code == 200
        page = browser.get(PAGE).content.decode()
        assert secret not in page
        assert secret[:10] in page
        assert "See your orders" in page

    def test_names_what_is_missing(self, browser: Client) -> None:
        response = browser.post(PAGE, {"expires_in_days": "30"})
        assert set(response.context["form"].errors) == {"name", "scopes"}
        assert not ApiToken.objects.exists()

    def test_rotates_and_ends(self, browser: Client, customer: User) -> None:
        token, _ = operations.issue_token(customer, "CI", timezone.now())
        response = browser.post(f"{PAGE}{token.public_id}/rotate/")
        assert ApiClient(response.context["secret"]).get("/users/me").status_code == 200
        browser.post(f"{PAGE}{token.public_id}/end/")
        assert not ApiToken.objects.filter(pk=token.pk).exists()

    def test_anothers_is_missing(self, browser: Client) -> None:
        token, _ = operations.issue_token(UserFactory.create(), "theirs", timezone.now())
        for verb in ("rotate", "end"):
            assert browser.post(f"{PAGE}{token.public_id}/{verb}/").status_code == 404
        assert ApiToken.objects.filter(pk=token.pk).exists()

    def test_asks_whoever_is_not_signed_in_to(self, client: Client) -> None:
        assert client.get(PAGE).status_code == 302

    def test_asks_as_often_for_many_as_for_one(
        self, browser: Client, customer: User, django_assert_max_num_queries: Any
    ) -> None:
        for number in range(10):
            operations.issue_token(customer, f"token {number}", timezone.now())
        browser.get(PAGE)
        with django_assert_max_num_queries(6):
            browser.get(PAGE)


def test_the_expired_are_forgotten(customer: User) -> None:
    operations.issue_token(customer, "over", timezone.now() - timedelta(days=31))
    kept, _ = operations.issue_token(customer, "kept", timezone.now())
    forget_old()
    assert list(ApiToken.objects.all()) == [kept]


def test_the_release_before_this_one_can_still_make_them(customer: User) -> None:
    """It names no column that it does not know, while both serve."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO accounts_apitoken (user_id, name, digest, expires_at, created_at)"
            " VALUES (%s, 'sign-in', %s, now() + interval '1 day', now())",
            [customer.pk, ApiToken.digest_of("tok_old")],
        )
    token = ApiToken.objects.get()
    assert token.public_id.startswith("token_")
    assert token.scopes == ["*"]
    assert ApiClient("tok_old").get("/users/me").status_code == 200
