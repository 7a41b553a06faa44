from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from accounts.models import User
from accounts.tests.clients import ApiClient
from shop.models import OutboxEvent

pytestmark = pytest.mark.django_db

ADA = {"email": "ada@example.com", "password": "analytical engine 1843", "firstName": "Ada", "lastName": "Byron"}


def test_answers_as_specified(api: ApiClient) -> None:
    response = api.post("/users/register", ADA | {"phone": "+49 30 123"})
    assert response.status_code == 201
    user = User.objects.get()
    created = user.created_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert response.json() == {
        "success": True,
        "data": {
            "userId": user.public_id,
            "email": "ada@example.com",
            "firstName": "Ada",
            "lastName": "Byron",
            "createdAt": created,
        },
    }
    assert user.phone == "+49 30 123"
    assert not response.cookies
    assert "no-store" in response["Cache-Control"]


def test_records_the_event(api: ApiClient) -> None:
    api.post("/users/register", ADA)
    event = OutboxEvent.objects.get(topic="user.created")
    assert event.payload == {"user_id": User.objects.get().public_id}


def test_stores_argon2_only(api: ApiClient) -> None:
    api.post("/users/register", ADA)
    with connection.cursor() as cursor:
        cursor.execute("SELECT password FROM accounts_user")
        assert cursor.fetchone()[0].startswith("argon2$argon2id$")


@pytest.mark.parametrize("email", ["ada@example.com", "ADA@Example.COM", " ada@example.com ", "ａda@example.com"])
def test_knows_an_address_in_every_spelling(api: ApiClient, email: str) -> None:
    api.post("/users/register", ADA)
    response = api.post("/users/register", ADA | {"email": email})
    assert response.status_code == 409
    assert response.json()["code"] == "email_taken"
    assert User.objects.count() == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", ""),
        ("email", "ada"),
        ("email", None),
        ("email", 5),
        ("email", "ada@example.com\r\nBcc: eve@example.com"),
        ("email", "ada@example.com\nBcc: eve@example.com"),
        ("email", "ada@example.com, eve@example.com"),
        ("email", "ada@example.com;eve@example.com"),
        ("email", '"ada,eve"@example.com'),
        ("email", "a" * 250 + "@example.com"),
        ("password", ""),
        ("password", "short"),
        ("password", "password123"),
        ("password", "12345678901"),
        ("password", "ada@example.com"),
        ("password", "x" * 1024),
        ("password", None),
        ("firstName", "Ada\r\nBcc: eve@example.com"),
        ("firstName", "a" * 101),
        ("lastName", "\u202eaDA"),
        ("phone", ["1"]),
        ("isStaff", True),
        ("is_superuser", True),
        ("role", "admin"),
        ("userId", "user_1"),
        ("emailVerified", True),
    ],
)
def test_refuses(api: ApiClient, field: str, value: object) -> None:
    response = api.post("/users/register", ADA | {field: value})
    assert response.status_code == 400
    assert list(response.json()["fields"]) == [field]
    assert not User.objects.exists()


def test_names_every_missing_field(api: ApiClient) -> None:
    assert set(api.post("/users/register", {}).json()["fields"]) == {"email", "password"}


def test_names_every_bad_field_at_once(api: ApiClient) -> None:
    fields = api.post("/users/register", {"email": "ada", "password": "12345"}).json()["fields"]
    assert fields["email"] == ["Enter a valid email address."]
    assert len(fields["password"]) == 3, "too short, too common, only digits"


def test_keeps_the_spaces_of_a_password(api: ApiClient) -> None:
    api.post("/users/register", ADA | {"password": " analytical engine "})
    assert User.objects.get().check_password(" analytical engine ")


def test_is_throttled(api: ApiClient) -> None:
    for _ in range(10):
        assert api.post("/users/register", ADA | {"password": "ada@example.com"}).status_code == 400
    response = api.post("/users/register", ADA)
    assert response.status_code == 429
    assert int(response["Retry-After"]) >= 1


@pytest.mark.django_db(transaction=True)
def test_two_at_once_make_one_account() -> None:
    def attempt(email: str) -> int:
        try:
            return ApiClient().post("/users/register", ADA | {"email": email}).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(attempt, ["ada@example.com", "Ada@example.com"])) == [201, 409]
    assert User.objects.count() == 1
