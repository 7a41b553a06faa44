from typing import Any

import pytest
from django.utils.dateparse import parse_datetime

from accounts.models import Address, User
from accounts.tests.clients import ApiClient, until_throttled
from accounts.tests.factories import PASSWORD, AddressFactory, StaffFactory, UserFactory
from shop.models import OutboxEvent

pytestmark = pytest.mark.django_db

HOME = {"fullName": "Ada Byron", "line1": "Lindenallee 7", "city": "Berlin", "postalCode": "10115", "country": "DE"}
WORK = {
    "fullName": "Ada Byron",
    "line1": "1 Queen Street",
    "city": "London",
    "postalCode": "W1A 1AA",
    "country": "GB",
}
EMPTY = {"line2": "", "region": "", "phone": ""}


def without_request_id(response: Any) -> tuple[int, Any]:
    return response.status_code, {name: value for name, value in response.json().items() if name != "requestId"}


class TestGet:
    def test_answers_exactly_the_promised_fields(self, customer: User, customer_api: ApiClient) -> None:
        AddressFactory.create(user=customer)
        response = customer_api.get("/users/me")
        data = response.json()["data"]
        created, updated = (parse_datetime(data.pop(name)) for name in ("createdAt", "updatedAt"))
        assert created and updated and created.utcoffset() is not None
        assert data == {
            "userId": customer.public_id,
            "email": customer.email,
            "firstName": "Ada",
            "lastName": "Byron",
            "phone": "",
            "addresses": [HOME | EMPTY],
            "isActive": True,
            "emailVerified": False,
        }
        assert "no-store" in response["Cache-Control"]

    def test_takes_ones_own_id(self, customer: User, customer_api: ApiClient) -> None:
        assert customer_api.get(f"/users/{customer.public_id}").status_code == 200

    @pytest.mark.parametrize("user_id", ["user_missing", "1", "Me", "%2e%2e", "%00", "x" * 5000, "register"])
    def test_a_missing_person_is_404(self, customer_api: ApiClient, user_id: str) -> None:
        assert customer_api.get(f"/users/{user_id}").status_code in {404, 405}

    def test_somebody_else_is_answered_like_nobody(self, customer_api: ApiClient) -> None:
        other = UserFactory.create()
        missing = without_request_id(customer_api.get("/users/user_missing"))
        assert missing[0] == 404
        for method in ("GET", "PUT"):
            for user_id in (other.public_id, other.pk):
                assert without_request_id(customer_api.send(method, f"/users/{user_id}", "{}")) == missing

    def test_staff_with_the_permission_may_look(self, customer: User) -> None:
        support = ApiClient.of(StaffFactory.create(permissions=["accounts.view_user"]))
        assert support.get(f"/users/{customer.public_id}").json()["data"]["email"] == customer.email
        assert support.get("/users/user_missing").status_code == 404
        assert support.get("/users/%00").status_code == 404
        assert support.put(f"/users/{customer.public_id}", {}).status_code == 404

    def test_staff_without_it_may_not(self, customer: User) -> None:
        assert ApiClient.of(StaffFactory.create()).get(f"/users/{customer.public_id}").status_code == 404


class TestPut:
    def test_changes_what_is_named(self, customer: User, customer_api: ApiClient) -> None:
        response = customer_api.put("/users/me", {"firstName": "Augusta", "phone": "+44 20 1"})
        assert response.status_code == 200
        assert response.json() == customer_api.get("/users/me").json()
        customer.refresh_from_db()
        assert (customer.first_name, customer.last_name, customer.phone) == ("Augusta", "Byron", "+44 20 1")

    def test_a_read_can_be_sent_back(self, customer: User, customer_api: ApiClient) -> None:
        AddressFactory.create(user=customer)
        before = list(Address.objects.values())
        data = customer_api.get("/users/me").json()["data"]
        response = customer_api.put("/users/me", data)
        assert response.status_code == 200
        assert {**response.json()["data"], "updatedAt": ""} == {**data, "updatedAt": ""}
        assert list(Address.objects.values()) == before

    def test_nobody_sets_what_only_the_shop_knows(self, customer: User, customer_api: ApiClient) -> None:
        forged = {"userId": "user_x", "isActive": False, "createdAt": "1999-01-01T00:00:00Z", "updatedAt": None}
        assert customer_api.put("/users/me", forged).status_code == 200
        after = User.objects.get(pk=customer.pk)
        assert (after.public_id, after.is_active, after.created_at) == (customer.public_id, True, customer.created_at)

    @pytest.mark.parametrize("field", ["isStaff", "is_staff", "isSuperuser", "role", "password", "id", "groups"])
    def test_refuses_unknown_fields(self, customer: User, customer_api: ApiClient, field: str) -> None:
        response = customer_api.put("/users/me", {field: True, "firstName": "Eve"})
        assert response.status_code == 400
        assert list(response.json()["fields"]) == [field]
        assert User.objects.get(pk=customer.pk).first_name == "Ada"

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"firstName": None}, "firstName"),
            ({"firstName": "a\nb"}, "firstName"),
            ({"lastName": "x" * 101}, "lastName"),
            ({"phone": 5}, "phone"),
            ({"email": ""}, "email"),
            ({"email": None}, "email"),
            ({"addresses": None}, "addresses"),
            ({"addresses": [HOME] * 51}, "addresses"),
            ({"addresses": [HOME | {"country": "ZZ"}]}, "addresses.0.country"),
            ({"addresses": [HOME | {"country": "EU"}]}, "addresses.0.country"),
            ({"addresses": [HOME | {"country": "Germany"}]}, "addresses.0.country"),
            ({"addresses": [HOME | {"city": " "}]}, "addresses.0.city"),
            ({"addresses": [HOME | {"fullName": "a\r\nb"}]}, "addresses.0.fullName"),
            ({"addresses": [HOME | {"postalCode": ""}]}, "addresses.0.postalCode"),
            ({"addresses": [HOME, HOME | {"line1": "x" * 201}]}, "addresses.1.line1"),
            ({"addresses": [HOME | {"isDefault": True}]}, "addresses.0.isDefault"),
            ({"addresses": [{}]}, "addresses.0.fullName"),
        ],
    )
    def test_refuses_bad_values(self, customer_api: ApiClient, body: dict[str, Any], field: str) -> None:
        response = customer_api.put("/users/me", body)
        assert response.status_code == 400
        assert field in response.json()["fields"]

    def test_replaces_the_addresses(self, customer: User, customer_api: ApiClient) -> None:
        assert customer_api.put("/users/me", {"addresses": [HOME, WORK]}).status_code == 200
        response = customer_api.put("/users/me", {"addresses": [WORK | {"country": "gb"}]})
        assert response.json()["data"]["addresses"] == [WORK | EMPTY]
        assert customer.addresses.count() == 1

    def test_asks_no_postal_code_where_there_is_none(self, customer_api: ApiClient) -> None:
        address = {"fullName": "Ada Byron", "line1": "Sheikh Zayed Road", "city": "Dubai", "country": "AE"}
        assert customer_api.put("/users/me", {"addresses": [address]}).status_code == 200

    def test_leaves_other_peoples_addresses_alone(self, customer_api: ApiClient) -> None:
        foreign = AddressFactory.create()
        customer_api.put("/users/me", {"addresses": []})
        assert Address.objects.filter(pk=foreign.pk).exists()

    def test_a_refusal_changes_nothing(self, customer: User, customer_api: ApiClient) -> None:
        body = {"firstName": "Eve", "addresses": [HOME], "email": "new@example.com", "currentPassword": "wrong"}
        assert customer_api.put("/users/me", body).status_code == 400
        assert User.objects.get(pk=customer.pk).first_name == "Ada"
        assert not Address.objects.exists()


class TestEmail:
    def test_needs_the_current_password(self, customer: User, customer_api: ApiClient) -> None:
        for password in ({}, {"currentPassword": "wrong"}, {"currentPassword": ""}):
            response = customer_api.put("/users/me", {"email": "new@example.com", **password})
            assert response.status_code == 400
            assert list(response.json()["fields"]) == ["currentPassword"]
        response = customer_api.put("/users/me", {"email": "New@example.com", "currentPassword": PASSWORD})
        assert response.json()["data"]["email"] == "new@example.com"

    def test_tells_the_old_address(self, customer: User, customer_api: ApiClient) -> None:
        customer_api.put("/users/me", {"email": "new@example.com", "currentPassword": PASSWORD})
        event = OutboxEvent.objects.get(topic="user.email_changed")
        assert event.payload == {"user_id": customer.public_id, "old_email": customer.email}

    def test_is_no_place_to_guess_the_password(self, customer_api: ApiClient) -> None:
        body = {"email": "new@example.com", "currentPassword": "guess"}
        until_throttled(lambda _: customer_api.put("/users/me", body))

    def test_cannot_be_somebody_elses(self, customer_api: ApiClient) -> None:
        other = UserFactory.create()
        response = customer_api.put("/users/me", {"email": other.email.upper(), "currentPassword": PASSWORD})
        assert response.status_code == 409
        assert response.json()["code"] == "email_taken"


class TestStaff:
    def test_with_the_permission_may_change_a_customer(self, customer: User) -> None:
        support = ApiClient.of(StaffFactory.create(permissions=["accounts.change_user"]))
        assert support.put(f"/users/{customer.public_id}", {"firstName": "Augusta"}).status_code == 200
        assert User.objects.get(pk=customer.pk).first_name == "Augusta"

    def test_may_not_take_over_an_administrator(self) -> None:
        admin = StaffFactory.create(is_superuser=True)
        support = ApiClient.of(StaffFactory.create(permissions=["accounts.change_user"]))
        body = {"email": "mine@example.com", "currentPassword": PASSWORD}
        assert support.put(f"/users/{admin.public_id}", body).status_code == 403
        assert User.objects.get(pk=admin.pk).email == admin.email


def test_a_foreign_site_may_not_write(browser: Any) -> None:
    response = browser.put(
        "/api/users/me", {"firstName": "Eve"}, "application/json", headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert response.status_code == 403
