from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import operations, totp
from accounts.models import User
from accounts.tests.clients import ApiClient
from accounts.tests.factories import PASSWORD, UserFactory
from shop.models import OutboxEvent

pytestmark = pytest.mark.django_db

ASK, SENT = reverse("accounts:password_reset"), reverse("accounts:password_reset_sent")
NEW = {"password": "difference engine 1822"}


def link_for(user: User) -> str:
    return urlsplit(operations.password_reset_link(user)).path


class TestAsking:
    def test_records_the_event(self, customer: User) -> None:
        assert Client().get(ASK).status_code == 200
        assert Client().post(ASK, {"email": customer.email.upper()})["Location"] == SENT
        assert Client().get(SENT).status_code == 200
        event = OutboxEvent.objects.get(topic="password_reset.requested")
        assert event.payload == {"user_id": customer.public_id}

    def test_answers_alike_for_everybody(self) -> None:
        UserFactory.create(email="closed@example.com", is_active=False)
        for email in ("nobody@example.com", "closed@example.com"):
            response = Client().post(ASK, {"email": email})
            assert (response.status_code, response["Location"]) == (302, SENT)
        assert not OutboxEvent.objects.exists()

    def test_sends_one_mail_a_minute(self, customer: User) -> None:
        now = timezone.now().replace(second=0)
        for later in (0, 10, 59, 60):
            moment = now + timedelta(seconds=later)
            operations.start_password_reset(customer.email, request_address="test", now=moment)
        assert OutboxEvent.objects.count() == 2

    def test_is_throttled(self, customer: User) -> None:
        for _ in range(10):
            Client().post(ASK, {"email": "nobody@example.com"})
        for email in (customer.email, "nobody@example.com"):
            assert Client().post(ASK, {"email": email}).status_code == 429

    def test_does_not_write_links_with_the_host_header(self, customer: User, settings: Any) -> None:
        settings.SHOP_BASE_URL = "https://shop.example"
        response = Client().post(ASK, {"email": customer.email}, headers={"Host": "evil.example"})
        assert response.status_code == 400
        assert operations.password_reset_link(customer).startswith("https://shop.example/account/password/reset/")


class TestLink:
    def test_sets_the_password_once(self, customer: User) -> None:
        link = link_for(customer)
        assert Client().get(link).context["validlink"]
        assert Client().post(link, NEW)["Location"] == reverse("accounts:login")
        customer.refresh_from_db()
        assert customer.check_password(NEW["password"])
        assert not Client().get(link).context["validlink"]
        assert Client().post(link, {"password": "second try 99"}).status_code == 400
        customer.refresh_from_db()
        assert customer.check_password(NEW["password"])

    def test_ends_every_session_and_token(self, customer: User, browser: Client, customer_api: ApiClient) -> None:
        assert browser.get(reverse("accounts:profile")).status_code == 200
        Client().post(link_for(customer), NEW)
        assert browser.get(reverse("accounts:profile")).status_code == 302
        assert customer_api.get("/users/me").status_code == 401

    @pytest.mark.parametrize("kept", ["verified", "staff", ""])
    def test_locks_out_whoever_signed_up_with_an_address_of_others(self, customer: User, kept: str) -> None:
        """Else their authenticator app would keep the owner out, and their passkey would let them in again."""
        User.objects.update(email_verified_at=timezone.now() if kept == "verified" else None, is_staff=kept == "staff")
        secret = totp.new_secret()
        code = totp.code_at(secret, totp.step_at(timezone.now()))
        operations.enrol_app(customer, secret, code, now=timezone.now())
        Client().post(link_for(User.objects.get()), NEW)
        response = Client().post(reverse("accounts:login"), {"email": customer.email, **NEW})
        assert response["Location"] == reverse("accounts:second_step" if kept else "accounts:profile")
        assert customer.recovery_codes.exists() == bool(kept)

    def test_survives_a_refused_password(self, customer: User) -> None:
        link = link_for(customer)
        response = Client().post(link, {"password": "short"})
        assert list(response.context["form"].errors) == ["password"]
        assert response.context["validlink"]
        assert Client().post(link, NEW).status_code == 302

    def test_lives_an_hour(self, customer: User) -> None:
        link = link_at(customer, minutes=-59)
        assert Client().get(link).context["validlink"]
        link = link_at(customer, minutes=-61)
        assert not Client().get(link).context["validlink"]
        assert Client().post(link, NEW).status_code == 400
        assert User.objects.get(pk=customer.pk).check_password(PASSWORD)

    @pytest.mark.parametrize("change", ["email", "password", "sign_in", "closed"])
    def test_dies_with_a_change_of_the_account(self, customer: User, change: str) -> None:
        link = link_for(customer)
        if change == "email":
            operations.update_profile(
                customer, asked_by=customer, email="n@example.com", current_password=PASSWORD, now=timezone.now()
            )
        elif change == "password":
            operations.set_password(customer, "another password 7")
        elif change == "sign_in":
            ApiClient().post("/users/login", {"email": customer.email, "password": PASSWORD})
        else:
            User.objects.update(is_active=False)
        assert Client().post(link, NEW).status_code == 400
        assert not User.objects.get(pk=customer.pk).check_password(NEW["password"])

    @pytest.mark.parametrize("uid", ["x", "MQ", "____", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk", "LTE", "4pyT"])
    @pytest.mark.parametrize("token", ["x", "x-y", "c-" + "0" * 5000])
    def test_that_is_made_up_is_dead(self, customer: User, uid: str, token: str) -> None:
        response = Client().get(f"/account/password/reset/{uid}/{token}/")
        assert response.status_code == 200
        assert not response.context["validlink"]

    @pytest.mark.parametrize("path", ["%00/x", "MQ/%00", "MQ/a%0Ab", "%2e%2e/x"])
    def test_that_could_not_be_one_is_404(self, path: str) -> None:
        assert Client().get(f"/account/password/reset/{path}/").status_code == 404

    def test_of_one_person_is_not_for_another(self, customer: User) -> None:
        other = UserFactory.create()
        uid = link_for(other).split("/")[-3]
        token = link_for(customer).split("/")[-2]
        assert Client().post(reverse("accounts:password_reset_confirm", args=[uid, token]), NEW).status_code == 400


def link_at(user: User, *, minutes: int) -> str:
    class Earlier(PasswordResetTokenGenerator):
        def _now(self) -> Any:
            return super()._now() + timedelta(minutes=minutes)

    uid = link_for(user).split("/")[-3]
    return reverse("accounts:password_reset_confirm", args=[uid, Earlier().make_token(user)])
