from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.signals import user_logged_in
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from accounts.models import ApiToken, User
from accounts.tests.clients import ApiClient, until_throttled
from accounts.tests.factories import PASSWORD, UserFactory
from accounts.tests.hashers import CountingHasher
from shop import redis

pytestmark = pytest.mark.django_db


def sign_in(email: str, password: str = PASSWORD, **more: Any) -> Any:
    return ApiClient().post("/users/login", {"email": email, "password": password, **more})


def test_answers_a_token_and_the_user(customer: User) -> None:
    response = sign_in(customer.email)
    assert response.status_code == 200
    data = response.json()["data"]
    assert set(data) == {"token", "expiresAt", "user"}
    assert data["user"]["userId"] == customer.public_id
    expires = parse_datetime(data["expiresAt"])
    assert expires and timedelta(days=29) < expires - timezone.now() <= timedelta(days=30)
    assert ApiClient(data["token"]).get("/users/me").json()["data"] == data["user"]
    assert not response.cookies


def test_stores_the_hash_of_the_token_only(customer: User) -> None:
    secret = sign_in(customer.email).json()["data"]["token"]
    token = ApiToken.objects.get()
    assert token.digest == ApiToken.digest_of(secret)
    assert secret not in str(token.__dict__)


def test_takes_the_address_in_any_case(customer: User) -> None:
    assert sign_in(f" {customer.email.upper()}").status_code == 200


def test_tells_the_other_apps(customer: User) -> None:
    seen: list[tuple[User, str]] = []

    def receiver(sender: type[User], request: Any, user: User, **kwargs: Any) -> None:
        seen.append((user, request.cart_id))

    user_logged_in.connect(receiver)
    try:
        sign_in(customer.email, cartId="cart_abc")
    finally:
        user_logged_in.disconnect(receiver)
    assert seen == [(customer, "cart_abc")]
    customer.refresh_from_db()
    assert customer.last_login


def test_answers_alike_for_whoever_may_not_sign_in(customer: User) -> None:
    UserFactory.create(email="closed@example.com", is_active=False)
    answers = [
        sign_in(customer.email, "wrong password"),
        sign_in("nobody@example.com"),
        sign_in("not an address"),
        sign_in("closed@example.com"),
    ]
    assert {answer.status_code for answer in answers} == {401}
    bodies = [{k: v for k, v in answer.json().items() if k != "requestId"} for answer in answers]
    assert all(body == bodies[0] for body in bodies)
    assert bodies[0]["code"] == "wrong_credentials"
    assert not ApiToken.objects.exists()


def test_hashes_as_often_for_an_unknown_address(settings: Any) -> None:
    """Hashing is nearly all of a sign-in's time; an answer without it would tell who has an account."""
    settings.PASSWORD_HASHERS = ["accounts.tests.hashers.CountingHasher"]
    known = UserFactory.create()
    UserFactory.create(email="closed@example.com", is_active=False)
    wrong = hashes(lambda: sign_in(known.email, "wrong password"))
    assert wrong == 1
    assert hashes(lambda: sign_in("nobody@example.com", "wrong password")) == wrong
    assert hashes(lambda: sign_in("closed@example.com")) == wrong


def hashes(call: Callable[[], Any]) -> int:
    before = CountingHasher.hashes
    call()
    return CountingHasher.hashes - before


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"email": "ada@example.com"},
        {"email": "ada@example.com", "password": None},
        {"email": ["ada@example.com"], "password": PASSWORD},
        {"email": "ada@example.com", "password": PASSWORD, "otp2": "1"},
        {"email": "a" * 300, "password": PASSWORD},
        {"email": "ada@example.com", "password": "x" * 1024},
        [],
        '{"email": "a@example.com", "email": "b@example.com", "password": "x"}',
        '{"email": "\\u0000", "password": "x"}',
        "{",
    ],
)
def test_refuses_a_body_that_is_no_sign_in(api: ApiClient, body: Any) -> None:
    assert api.post("/users/login", body).status_code == 400


class TestThrottle:
    def test_stops_guessing_in_every_spelling_and_the_right_password_with_it(self, customer: User) -> None:
        spellings = (customer.email, customer.email.upper(), f" {customer.email} ")
        response = until_throttled(lambda count: sign_in(spellings[count % 3], f"guess {count}"))
        assert response.json()["code"] == "rate_limited"
        assert 1 <= int(response["Retry-After"]) <= 12
        assert sign_in(customer.email).status_code == 429
        # Nobody else is locked out by it.
        assert sign_in(UserFactory.create().email).status_code == 200

    def test_does_not_believe_a_forwarded_address(self, customer: User) -> None:
        body = {"email": customer.email, "password": "guess"}
        until_throttled(lambda n: ApiClient().post("/users/login", body, x_forwarded_for=f"203.0.113.{n}"))

    def test_stops_sign_in_while_redis_is_away(self, customer: User, without_redis: None) -> None:
        response = sign_in(customer.email)
        assert response.status_code == 503
        assert response["Retry-After"]


@pytest.fixture
def without_redis(settings: Any) -> Iterator[None]:
    """A port where nothing listens."""
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    redis.client.cache_clear()
    yield
    redis.client.cache_clear()
