"""Passkeys from end to end, with the virtual authenticator that Chromium has for tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from accounts.models import SecondFactor, User
from accounts.tests.factories import PASSWORD, UserFactory
from tests.journeys.browser import needs_chromium, page

pytestmark = [needs_chromium, pytest.mark.browser, pytest.mark.slow]


class Authenticator:
    """A phone or a security key in software."""

    def __init__(self, tab: Page) -> None:
        self.devtools = tab.context.new_cdp_session(tab)
        self.devtools.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
            "isUserVerified": True, "automaticPresenceSimulation": True,
        }  # fmt: skip
        self.id = self.devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]

    def credentials(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.devtools.send("WebAuthn.getCredentials", {"authenticatorId": self.id})[
            "credentials"
        ]
        return found

    def become_an_old_copy(self) -> None:
        """As a thief's copy would be, made before the last uses."""
        (credential,) = self.credentials()
        self.devtools.send(
            "WebAuthn.removeCredential", {"authenticatorId": self.id, "credentialId": credential["credentialId"]}
        )
        copy = {name: value for name, value in credential.items() if name != "userName"} | {"signCount": 0}
        self.devtools.send("WebAuthn.addCredential", {"authenticatorId": self.id, "credential": copy})

    def recognise(self, *, anybody: bool) -> None:
        recognises = {"authenticatorId": self.id, "isUserVerified": anybody}
        self.devtools.send("WebAuthn.setUserVerified", recognises)


@pytest.fixture
def site(live_server: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    # Playwright runs an event loop in this thread, and Django would take its queries for those of a coroutine.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    assert live_server.url.startswith("http://localhost:"), "browsers keep no passkeys for an address made of numbers"
    settings.SHOP_BASE_URL = live_server.url
    return str(live_server.url)


@contextmanager
def signed_in(site: str, user: User) -> Iterator[tuple[Page, Authenticator]]:
    with page(javascript=True) as tab:
        problems: list[str] = []
        tab.on("pageerror", lambda error: problems.append(str(error)))
        tab.on("console", lambda message: problems.append(message.text) if "Content Security" in message.text else None)
        authenticator = Authenticator(tab)
        tab.goto(site + reverse("accounts:login"))
        fill_in(tab, user)
        expect(tab).to_have_url(site + reverse("accounts:profile"))
        yield tab, authenticator
        assert problems == []


def fill_in(tab: Page, user: User) -> None:
    tab.get_by_label("Email").fill(user.email)
    tab.get_by_label("Password").fill(PASSWORD)
    tab.get_by_role("button", name="Sign in", exact=True).click()


def add_passkey(tab: Page, site: str) -> None:
    tab.goto(site + reverse("accounts:security"))
    # The password of the sign-in a moment ago confirms it.
    tab.get_by_role("link", name="Add a passkey").click()
    tab.get_by_label("Name").fill("Ada's phone")
    tab.get_by_role("button", name="Make the passkey").click()
    expect(tab.get_by_role("heading", level=1)).to_have_text("Recovery codes")
    tab.get_by_role("link", name="I have kept them").click()
    expect(tab.locator("main")).to_contain_text("Ada's phone")


def sign_out(tab: Page) -> None:
    tab.get_by_role("button", name="Sign out").first.click()


def test_a_passkey_is_made_asked_for_and_enough_alone(site: str) -> None:
    user = UserFactory.create()
    with signed_in(site, user) as (tab, authenticator):
        add_passkey(tab, site)
        assert len(authenticator.credentials()) == 1

        # As the second step, after the password.
        sign_out(tab)
        tab.goto(site + reverse("accounts:login"))
        fill_in(tab, user)
        expect(tab).to_have_url(site + reverse("accounts:second_step"))
        tab.get_by_role("button", name="Use a passkey").click()
        expect(tab).to_have_url(site + reverse("accounts:profile"))

        # Alone, and to where one was going.
        sign_out(tab)
        tab.goto(site + reverse("accounts:security"))
        tab.get_by_role("button", name="Sign in with a passkey").click()
        expect(tab).to_have_url(site + reverse("accounts:security"))
        assert SecondFactor.objects.get().use_count >= 2

        # To confirm a change, and to be removed.
        tab.get_by_role("link", name="Remove Ada's phone").click()
        tab.get_by_label("Your password").fill(PASSWORD)
        tab.get_by_role("button", name="Use password and passkey").click()
        tab.get_by_role("button", name="Remove").click()
        expect(tab.locator("main")).to_contain_text("Ada's phone is removed")
        sign_out(tab)
        tab.goto(site + reverse("accounts:login"))
        fill_in(tab, user)
        expect(tab).to_have_url(site + reverse("accounts:profile"))


def test_a_passkey_of_somebody_else_or_an_old_copy_is_refused(site: str) -> None:
    ada, eve = UserFactory.create(), UserFactory.create()
    with signed_in(site, eve) as (tab, authenticator):
        add_passkey(tab, site)
        SecondFactor.objects.update(user=ada)
        sign_out(tab)
        tab.goto(site + reverse("accounts:login"))
        fill_in(tab, ada)
        # The page asks for Ada's; by the time of the answer it is Eve's again.
        expect(tab.get_by_role("button", name="Use a passkey")).to_be_visible()
        SecondFactor.objects.update(user=eve)
        tab.get_by_role("button", name="Use a passkey").click()
        expect(tab.locator("main")).to_contain_text("not accepted")
        expect(tab).to_have_url(site + reverse("accounts:second_step"))

        authenticator.become_an_old_copy()
        tab.goto(site + reverse("accounts:login"))
        SecondFactor.objects.update(use_count=50)
        tab.get_by_role("button", name="Sign in with a passkey").click()
        expect(tab.locator("main")).to_contain_text("not accepted")
        expect(tab).to_have_url(site + reverse("accounts:login") + "?next=%2Faccount%2F")


def test_alone_it_must_know_its_owner(site: str) -> None:
    """Found in the street, a key without finger, face or PIN opens nothing by itself."""
    user = UserFactory.create()
    with signed_in(site, user) as (tab, authenticator):
        add_passkey(tab, site)
        sign_out(tab)
        authenticator.recognise(anybody=False)
        tab.goto(site + reverse("accounts:login"))
        tab.get_by_role("button", name="Sign in with a passkey").click()
        expect(tab.locator("main")).to_contain_text("did not work")
        tab.goto(site + reverse("accounts:profile"))
        expect(tab).to_have_url(site + reverse("accounts:login") + "?next=/account/")


def test_the_answer_to_the_second_step_signs_in_to_no_other_account(site: str) -> None:
    """It may come from a key that asked nobody for a PIN: Eve knows her own password, and found Ada's key."""
    ada, eve = UserFactory.create(), UserFactory.create()
    with signed_in(site, ada) as (tab, _):
        add_passkey(tab, site)
        sign_out(tab)
        SecondFactor.objects.update(user=eve)
        tab.goto(site + reverse("accounts:login"))
        fill_in(tab, eve)
        expect(tab).to_have_url(site + reverse("accounts:second_step"))
        SecondFactor.objects.update(user=ada)
        tab.locator("form[data-passkey]").evaluate(
            "(form, to) => { form.action = to }", reverse("accounts:passkey_login")
        )
        tab.get_by_role("button", name="Use a passkey").click()
        expect(tab.locator("main")).to_contain_text("not accepted")
        tab.goto(site + reverse("accounts:profile"))
        expect(tab).to_have_url(site + reverse("accounts:login") + "?next=/account/")


def test_without_javascript_the_buttons_are_not_there(site: str) -> None:
    with page(javascript=False) as tab:
        tab.goto(site + reverse("accounts:login"))
        expect(tab.get_by_role("button", name="Sign in", exact=True)).to_be_visible()
        expect(tab.get_by_role("button", name="Sign in with a passkey")).to_be_hidden()
