import re
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.test import Client
from django.utils import timezone

from accounts import operations
from accounts.models import ApiToken, User
from accounts.tests.clients import ApiClient, until_throttled
from accounts.tests.factories import PASSWORD, UserFactory
from accounts.tests.hashers import CountingHasher
from shop import rate_limits
from shop.models import OutboxEvent
from shop.outbox import relay

pytestmark = pytest.mark.django_db

BEA = {"email": "bea@example.com", "password": "a long pass phrase", "firstName": "Bea"}
LOGIN, REGISTER = "/account/login/", "/account/register/"


@pytest.fixture
def mandatory(settings: Any) -> None:
    settings.SHOP_VERIFY_EMAIL = "mandatory"


def deliver() -> list[Any]:
    """What the worker would send now."""
    mail.outbox.clear()
    relay(timezone.now())
    return list(mail.outbox)


def path_in(message: Any) -> str:
    found = re.search(r"http://127\.0\.0\.1:8000(/account/verify/\S+)", message.body)
    assert found, message.body
    return found[1]


def link_of(user: User) -> str:
    return operations.verification_link(user).removeprefix("http://127.0.0.1:8000")


def is_verified(user: User) -> bool:
    user.refresh_from_db()
    return user.is_email_verified


class TestLink:
    def test_comes_with_the_welcome_and_verifies_by_its_button(self, client: Client, api: ApiClient) -> None:
        api.post("/users/register", BEA)
        user = User.objects.get()
        assert not is_verified(user)
        path = path_in(deliver()[0])
        page = client.get(path)
        assert page.status_code == 200
        assert not is_verified(user), "a mail scanner opens every link"
        response = client.post(path, {"password": BEA["password"]})
        assert response.headers["Location"] == LOGIN
        assert is_verified(user)
        assert OutboxEvent.objects.filter(topic="user.email_verified").count() == 1

    def test_works_once(self, browser: Client, customer: User) -> None:
        path = link_of(customer)
        assert browser.post(path).status_code == 302
        first = User.objects.get().email_verified_at
        assert "no longer works" in browser.get(path).content.decode()
        assert browser.post(path).status_code == 400
        assert User.objects.get().email_verified_at == first

    def test_asks_the_signed_in_owner_for_no_password(self, browser: Client, customer: User) -> None:
        path = link_of(customer)
        assert "password" not in browser.get(path).content.decode().lower()
        assert browser.post(path).headers["Location"] == "/account/"
        assert is_verified(customer)

    def test_alone_is_not_enough(self, client: Client, customer: User) -> None:
        """A stranger whose address somebody signed up with would hand over their orders by following the link."""
        path = link_of(customer)
        for data in ({}, {"password": ""}, {"password": "wrong"}):
            assert client.post(path, data).status_code in {200, 400}
        client.force_login(UserFactory.create())
        assert client.post(path, {"password": "wrong"}).status_code == 400
        assert not is_verified(customer)

    def test_is_no_place_to_guess_the_password(self, client: Client, customer: User) -> None:
        path = link_of(customer)
        until_throttled(lambda number: client.post(path, {"password": f"guess {number}"}))
        assert client.post(path, {"password": PASSWORD}).status_code == 429

    def test_ends_after_three_days(self, browser: Client, customer: User, monkeypatch: pytest.MonkeyPatch) -> None:
        path = link_of(customer)
        later = timezone.now() + timedelta(days=3, minutes=1)
        with monkeypatch.context() as patch:
            patch.setattr("django.core.signing.time.time", later.timestamp)
            assert browser.post(path).status_code == 400
        assert browser.post(path).status_code == 302

    @pytest.mark.parametrize("secret", ["x", "x:y:z", "%2e%2e", "a" * 4000, "é"])
    def test_made_up_is_dead(self, browser: Client, secret: str) -> None:
        assert browser.get(f"/account/verify/{secret}/").status_code in {200, 404}
        assert browser.post(f"/account/verify/{secret}/").status_code in {400, 404}

    def test_of_a_closed_account_is_dead(self, client: Client, customer: User) -> None:
        path = link_of(customer)
        User.objects.update(is_active=False)
        client.post(path, {"password": PASSWORD})
        assert not is_verified(customer)

    def test_dies_with_the_address_even_when_that_comes_back(self, browser: Client, customer: User) -> None:
        path, old = link_of(customer), customer.email
        for email in ("other@example.com", old):
            browser.post(
                "/account/", {"first_name": "A", "last_name": "B", "email": email, "current_password": PASSWORD}
            )
        customer.refresh_from_db()
        assert customer.email == old
        assert browser.post(path).status_code == 400
        assert not is_verified(customer)

    def test_has_a_json_twin(self, customer: User) -> None:
        body = {"token": link_of(customer).split("/")[-2], "password": PASSWORD}
        assert ApiClient().post("/users/verify-email", body | {"password": "wrong"}).json()["fields"] == {
            "password": ["The password is wrong."]
        }
        assert ApiClient().post("/users/verify-email", body).status_code == 204
        assert is_verified(customer)
        assert ApiClient().post("/users/verify-email", body).json()["code"] == "verification_link_dead"
        assert ApiClient.of(customer).get("/users/me").json()["data"]["emailVerified"] is True

    def test_json_asks_the_signed_in_owner_for_no_password(self, customer: User, customer_api: ApiClient) -> None:
        assert customer_api.post("/users/verify-email", {"token": link_of(customer).split("/")[-2]}).status_code == 204


class TestSendAgain:
    def test_sends_one_mail_in_five_minutes(self, browser: Client, customer: User) -> None:
        for _ in range(3):
            response = browser.post("/account/verify/", {"email": customer.email.upper()})
            assert response.headers["Location"] == "/account/verify/sent/"
        messages = deliver()
        # Three requests may fall into two slots of five minutes.
        assert len(messages) in {1, 2}
        assert messages[0].to == [customer.email]
        assert browser.post(path_in(messages[0])).status_code == 302

    def test_a_repeated_event_writes_no_second_mail(self, customer: User) -> None:
        operations.start_verification(customer.email, request_address="127.0.0.1", now=timezone.now())
        assert len(deliver()) == 1
        OutboxEvent.objects.update(state="pending", due_at=timezone.now())
        assert deliver() == []

    def test_answers_alike_for_every_address(self, client: Client) -> None:
        UserFactory.create(email="done@example.com", email_verified_at=timezone.now())
        for email in ("nobody@example.com", "done@example.com"):
            assert client.post("/account/verify/", {"email": email}).headers["Location"] == "/account/verify/sent/"
            answer = ApiClient().post("/users/verify-email/send", {"email": email})
            assert (answer.status_code, answer.json()["data"]) == (202, {"email": email, "verification": "sent"})
        assert deliver() == []

    def test_is_throttled(self, api: ApiClient) -> None:
        until_throttled(lambda number: api.post("/users/verify-email/send", {"email": f"a{number}@example.com"}))

    def test_profile_offers_it_until_it_is_done(self, browser: Client, customer: User) -> None:
        assert "not confirmed yet" in browser.get("/account/").content.decode()
        User.objects.update(email_verified_at=timezone.now())
        assert "not confirmed yet" not in browser.get("/account/").content.decode()


class TestNewAddress:
    def test_is_not_verified_and_hears_of_it(self, customer: User, customer_api: ApiClient) -> None:
        User.objects.update(email_verified_at=timezone.now())
        customer_api.put("/users/me", {"email": "new@example.com", "currentPassword": PASSWORD})
        assert not is_verified(customer)
        [message] = [each for each in deliver() if "/account/verify/" in each.body]
        assert message.to == ["new@example.com"]

    def test_set_by_staff_is_not_verified_either(self, admin_browser: Client, customer: User) -> None:
        User.objects.filter(pk=customer.pk).update(email_verified_at=timezone.now())
        url = f"/admin/accounts/user/{customer.pk}/change/"
        inlines = {
            f"{name}-{part}": "0" for name in ("addresses", "api_tokens") for part in ("TOTAL_FORMS", "INITIAL_FORMS")
        }
        response = admin_browser.post(url, {"email": "moved@example.com", "is_active": "on", **inlines})
        assert response.status_code == 302, response.context["errors"]
        assert not is_verified(customer)
        assert customer.email == "moved@example.com"
        assert [message.to for message in deliver()] == [["moved@example.com"]]

    def test_staying_the_same_stays_verified(self, customer: User, customer_api: ApiClient) -> None:
        User.objects.update(email_verified_at=timezone.now())
        customer_api.put("/users/me", {"email": customer.email.upper(), "firstName": "Augusta"})
        assert is_verified(customer)


class TestOptional:
    def test_signs_in_at_once(self, api: ApiClient) -> None:
        api.post("/users/register", BEA)
        assert api.post("/users/login", {"email": BEA["email"], "password": BEA["password"]}).status_code == 200


@pytest.mark.usefixtures("mandatory")
class TestMandatory:
    def test_sign_up_answers_alike_for_every_address(self, api: ApiClient) -> None:
        answers = [api.post("/users/register", BEA) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [202, 202]
        assert answers[0].json() == answers[1].json()
        assert answers[0].json()["data"] == {"email": "bea@example.com", "verification": "sent"}
        assert set(answers[0].headers) == set(answers[1].headers)
        assert User.objects.count() == 1

    def test_sign_up_page_answers_alike_too(self, client: Client, customer: User) -> None:
        for email in (customer.email, "new@example.com"):
            form = {"email": email, "password": "a long pass phrase"}
            assert client.post(REGISTER, form).headers["Location"] == "/account/verify/sent/"
            assert "_auth_user_id" not in client.session

    def test_sign_up_works_as_long_for_a_known_address(self, api: ApiClient, settings: Any) -> None:
        settings.PASSWORD_HASHERS = ["accounts.tests.hashers.CountingHasher"]
        counts = []
        for _ in range(2):
            before = CountingHasher.hashes
            api.post("/users/register", BEA)
            counts.append(CountingHasher.hashes - before)
        assert counts == [1, 1]

    def test_tells_the_known_owner_once_an_hour(self, api: ApiClient, customer: User) -> None:
        for _ in range(3):
            api.post("/users/register", BEA | {"email": customer.email.upper()})
        messages = deliver()
        assert len(messages) in {1, 2}
        assert messages[0].to == [customer.email]
        assert messages[0].subject == "You already have an account"
        assert "/account/password/reset/" in messages[0].body

    def test_changes_nothing_of_the_known_account(self, api: ApiClient, customer: User) -> None:
        api.post("/users/register", BEA | {"email": customer.email})
        customer.refresh_from_db()
        assert customer.first_name == "Ada"
        assert customer.check_password(PASSWORD)

    def test_sign_in_waits_for_the_link(self, client: Client, customer: User) -> None:
        body = {"email": customer.email, "password": PASSWORD}
        refused = ApiClient().post("/users/login", body)
        assert (refused.status_code, refused.json()["code"]) == (401, "email_not_verified")
        page = client.post(LOGIN, body)
        assert page.status_code == 401
        assert "Send the link again" in page.content.decode()
        assert not ApiToken.objects.exists()
        client.post(link_of(customer), {"password": PASSWORD})
        assert ApiClient().post("/users/login", body).status_code == 200

    def test_tells_only_who_knows_the_password(self, customer: User) -> None:
        for email in (customer.email, "nobody@example.com"):
            answer = ApiClient().post("/users/login", {"email": email, "password": "wrong"})
            assert (answer.status_code, answer.json()["code"]) == (401, "wrong_credentials")

    def test_a_password_reset_verifies_too(self, client: Client, customer: User) -> None:
        """Its link came by mail, and it locks out whoever else knew the password."""
        path = operations.password_reset_link(customer).removeprefix("http://127.0.0.1:8000")
        assert client.post(path, {"password": "a quite different phrase"}).headers["Location"] == LOGIN
        assert is_verified(customer)

    def test_superusers_and_demo_accounts_need_no_link(self) -> None:
        assert User.objects.create_superuser("root@example.com", PASSWORD).is_email_verified


def test_a_botnet_is_throttled_by_account_and_its_owner_waits_under_a_minute(customer: User, settings: Any) -> None:
    subject = operations.rules.fingerprint(customer.email)
    rate_limits.check("sign_in_account", subject, cost=99)
    settings.SHOP_TRUSTED_PROXIES = 1
    body = {"email": customer.email, "password": "guess"}
    answers = [ApiClient().post("/users/login", body, x_forwarded_for=f"203.0.113.{n}") for n in range(1, 5)]
    assert answers[0].status_code == 401
    assert answers[-1].status_code == 429
    assert 1 <= int(answers[-1]["Retry-After"]) <= 36
    other = {"email": UserFactory.create().email, "password": PASSWORD}
    assert ApiClient().post("/users/login", other, x_forwarded_for="203.0.113.1").status_code == 200


def test_sign_up_page_names_a_bad_address_and_a_bad_password_together(client: Client) -> None:
    response = client.post(REGISTER, {"email": "nobody", "password": "short"})
    assert set(response.context["form"].errors) == {"email", "password"}
    assert len(response.context["form"].errors["email"]) == 1


def test_a_wrong_mode_stops_the_start(settings: Any) -> None:
    settings.SHOP_VERIFY_EMAIL = "sometimes"
    with pytest.raises(SystemCheckError, match="SHOP_VERIFY_EMAIL"):
        call_command("check")
