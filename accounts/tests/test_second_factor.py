"""The second step: codes of an app, recovery codes, who is asked, who is not let in. Passkeys: tests/journeys."""

import base64
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth import SESSION_KEY
from django.core import checks
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import operations, proofs, totp
from accounts.errors import WrongCode
from accounts.models import RecoveryCode, SecondFactor, User
from accounts.sealing import unseal
from accounts.tests.clients import ApiClient, until_throttled
from accounts.tests.factories import PASSWORD, StaffFactory, UserFactory
from checkout.tests.test_races import at_once
from shop import outbox
from shop.models import OutboxEvent

pytestmark = pytest.mark.django_db

LOGIN, STEP = reverse("accounts:login"), reverse("accounts:second_step")
SECURITY, CONFIRM = reverse("accounts:security"), reverse("accounts:confirm")
APP, CODES = reverse("accounts:app_new"), reverse("accounts:recovery_codes")
PROFILE = reverse("accounts:profile")


def enrol(user: User) -> list[str]:
    """An authenticator app, whose code was last used long ago; answers the recovery codes."""
    secret = totp.new_secret()
    codes = operations.enrol_app(user, secret, totp.code_at(secret, totp.step_at(timezone.now())), now=timezone.now())
    time_passes(user)
    return codes


def time_passes(user: User) -> None:
    user.second_factors.update(last_step=1)


def code_of(user: User, steps: int = 0) -> str:
    secret = unseal(user.second_factors.apps().get().sealed_secret)
    return totp.code_at(secret, totp.step_at(timezone.now()) + steps)


def is_signed_in(client: Client) -> bool:
    return SESSION_KEY in client.session


def sign_in(user: User, **more: str) -> Client:
    client = Client()
    response = client.post(LOGIN, {"email": user.email, "password": PASSWORD, **more})
    assert response.status_code == 302
    return client


def confirmed(client: Client, **more: str) -> Client:
    assert client.post(CONFIRM, {"current_password": PASSWORD, **more}).status_code == 302
    return client


@pytest.mark.parametrize(
    ("seconds", "code"), [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")]
)
def test_codes_are_those_of_rfc_6238(seconds: int, code: str) -> None:
    secret = base64.b32encode(b"12345678901234567890").decode()
    now = datetime.fromtimestamp(seconds, UTC)
    assert totp.matching_step(secret, code, now) == seconds // 30
    assert totp.matching_step(secret, code, now + timedelta(seconds=30)) == seconds // 30
    assert totp.matching_step(secret, code, now + timedelta(seconds=90)) is None


class TestEnrolment:
    def test_asks_for_the_password_first(self, browser: Client) -> None:
        assert browser.get(APP)["Location"] == f"{CONFIRM}?next={APP.replace('/', '%2F')}"
        wrong = browser.post(CONFIRM, {"current_password": "guess", "next": APP})
        assert wrong.status_code == 400
        assert browser.get(APP).status_code == 302
        assert browser.post(CONFIRM, {"current_password": PASSWORD, "next": APP})["Location"] == APP
        assert browser.get(APP).status_code == 200

    def test_shows_a_secret_and_wants_a_code_made_from_it(self, browser: Client, customer: User) -> None:
        page = confirmed(browser).get(APP)
        assert page.context["picture"].startswith("data:image/svg+xml;base64,")
        secret = page.context["secret"].replace(" ", "")
        assert browser.post(APP, {"code": "000000"}).status_code == 401
        assert not customer.has_second_factor()

        done = browser.post(APP, {"code": totp.code_at(secret, totp.step_at(timezone.now()))})
        assert done["Location"] == CODES
        factor = customer.second_factors.get()
        assert secret not in str(factor.__dict__) and unseal(factor.sealed_secret) == secret
        shown = re.findall(r"<code>([\w-]+)</code>", browser.get(CODES).content.decode())
        assert len(shown) == 10
        assert not RecoveryCode.objects.filter(digest__in=shown).exists()
        assert shown[0] not in browser.get(CODES).content.decode()
        assert "10 unused" in browser.get(SECURITY).content.decode()

    def test_is_one_app_for_each_person(self, customer: User) -> None:
        enrol(customer)
        with pytest.raises(operations.second_factor.AlreadyEnrolled):
            enrol(customer)

    def test_is_told_by_mail(self, customer: User, mailoutbox: Any) -> None:
        enrol(customer)
        outbox.relay(timezone.now() + timedelta(seconds=1))
        assert [(mail.to, mail.subject) for mail in mailoutbox] == [([customer.email], "Your sign-in was changed")]
        assert "authenticator app was set up" in mailoutbox[0].body


class TestSecondStep:
    def test_a_password_alone_signs_nobody_in(self, customer: User) -> None:
        enrol(customer)
        client = sign_in(customer, next="/cart/")
        assert not is_signed_in(client)
        assert client.get(PROFILE).status_code == 302
        assert client.get("/api/users/me").status_code == 401
        assert client.get(STEP).status_code == 200

        before = client.session.session_key
        done = client.post(STEP, {"otp": code_of(customer)})
        assert done["Location"] == "/cart/"
        assert is_signed_in(client) and client.session.session_key != before
        assert proofs.HALF_DONE not in client.session

    def test_a_code_works_once(self, customer: User) -> None:
        enrol(customer)
        code = code_of(customer)
        assert is_signed_in_by(customer, code)
        assert not is_signed_in_by(customer, code)
        assert not is_signed_in_by(customer, code_of(customer, steps=-1)), "an older code than the one used"
        assert is_signed_in_by(customer, code_of(customer, steps=1))

    @pytest.mark.django_db(transaction=True)
    def test_a_code_works_once_for_two_at_the_same_moment(self, customer: User) -> None:
        codes, now = enrol(customer), timezone.now()
        for code in (code_of(customer), codes[0]):
            answers = at_once(*[lambda code=code: operations.use_code(customer, code, now=now)] * 2)
            assert sorted(isinstance(answer, WrongCode) for answer in answers) == [False, True]

    def test_takes_the_code_as_people_type_it(self, customer: User) -> None:
        enrol(customer)
        code = code_of(customer)
        assert is_signed_in_by(customer, f" {code[:3]} {code[3:]} ")

    def test_a_recovery_code_works_once_and_is_told(self, customer: User, mailoutbox: Any) -> None:
        codes = enrol(customer)
        assert is_signed_in_by(customer, codes[0].upper())
        assert not is_signed_in_by(customer, codes[0])
        assert is_signed_in_by(customer, codes[1].replace("-", ""))
        assert customer.recovery_codes.filter(used_at=None).count() == 8
        outbox.relay(timezone.now() + timedelta(seconds=1))
        assert sum("one of its recovery codes" in mail.body for mail in mailoutbox) == 2

    @pytest.mark.parametrize("code", ["", "000000", "abc", "é" * 6, "1" * 41, "\ud800".encode("utf-8", "replace")])
    def test_refuses_what_is_no_code(self, customer: User, code: Any) -> None:
        enrol(customer)
        client = sign_in(customer)
        assert client.post(STEP, {"otp": code}).status_code in {200, 401}
        assert not is_signed_in(client)

    @pytest.mark.parametrize(
        "answer", ["x", "[]", "{}", '{"rawId": 1}', '{"id": "a", "rawId": "b", "response": {}}', "null"]
    )
    def test_refuses_what_no_passkey_says(self, customer: User, answer: str) -> None:
        enrol(customer)
        client = sign_in(customer)
        assert client.post(STEP, {"credential": answer}).status_code == 401
        assert client.post(reverse("accounts:passkey_login"), {"credential": answer}).status_code == 302
        assert not is_signed_in(client)

    def test_is_throttled_by_account(self, customer: User) -> None:
        enrol(customer)
        until_throttled(lambda _: sign_in_slowly(customer).post(STEP, {"otp": "000000"}), after=9)
        assert sign_in_slowly(customer).post(STEP, {"otp": code_of(customer)}).status_code == 429

    def test_ends_after_five_minutes_and_with_a_new_password(self, customer: User) -> None:
        enrol(customer)
        late = sign_in(customer)
        session = late.session
        session[proofs.HALF_DONE] |= {"until": timezone.now().timestamp() - 1}
        session.save()
        assert late.post(STEP, {"otp": code_of(customer)})["Location"] == LOGIN
        early = sign_in(customer)
        operations.set_password(customer, "another long passphrase")
        assert early.post(STEP, {"otp": code_of(customer)})["Location"] == LOGIN
        assert not is_signed_in(late) and not is_signed_in(early)

    def test_is_nothing_to_who_has_not_given_the_password(self) -> None:
        assert Client().get(STEP)["Location"] == LOGIN


def sign_in_slowly(user: User) -> Client:
    """The first step without its throttle, to reach the second one's."""
    client = Client()
    session = client.session
    half = {"user": user.pk, "hash": user.get_session_auth_hash(), "until": timezone.now().timestamp() + 60}
    session[proofs.HALF_DONE] = half | {"target": "/"}
    session.save()
    client.cookies["sessionid"] = str(session.session_key)
    return client


def is_signed_in_by(user: User, code: str) -> bool:
    client = sign_in(user)
    response = client.post(STEP, {"otp": code})
    assert response.status_code in {302, 401}
    return is_signed_in(client)


class TestApi:
    def test_asks_for_the_second_factor(self, api: ApiClient, customer: User) -> None:
        codes = enrol(customer)
        body = {"email": customer.email, "password": PASSWORD}
        refused = api.post("/users/login", body)
        assert (refused.status_code, refused.json()["code"]) == (401, "mfa_required")
        wrong = api.post("/users/login", body | {"otp": "000000"})
        assert (wrong.status_code, wrong.json()["code"]) == (401, "wrong_code")
        assert api.post("/users/login", body | {"otp": code_of(customer)}).status_code == 200
        assert api.post("/users/login", body | {"otp": codes[3]}).status_code == 200

    def test_says_so_only_after_the_right_password(self, api: ApiClient, customer: User) -> None:
        enrol(customer)
        refused = api.post("/users/login", {"email": customer.email, "password": "guess", "otp": code_of(customer)})
        assert refused.json()["code"] == "wrong_credentials"
        assert customer.second_factors.get().last_step == 1, "a wrong password spends no code"


class TestChanges:
    def test_need_password_and_factor(self, customer: User) -> None:
        codes = enrol(customer)
        client = Client()
        client.force_login(customer)
        factor = customer.second_factors.get()
        remove = reverse("accounts:factor_remove", args=[factor.public_id])
        assert client.post(remove)["Location"].startswith(CONFIRM)
        assert client.post(CONFIRM, {"current_password": PASSWORD}).status_code == 200
        assert client.post(CONFIRM, {"current_password": PASSWORD, "otp": "000000"}).status_code == 401
        assert client.post(remove)["Location"].startswith(CONFIRM)

        confirmed(client, otp=codes[0])
        assert "only second factor" in client.get(remove).content.decode()
        assert client.post(remove)["Location"] == SECURITY
        assert not customer.has_second_factor() and not customer.recovery_codes.exists()
        assert is_signed_in(sign_in(customer))

    def test_new_recovery_codes_end_the_old(self, customer: User) -> None:
        codes = enrol(customer)
        client = confirmed(sign_in_with(customer, codes[0]), otp=codes[1])
        assert client.post(CODES)["Location"] == CODES
        fresh = re.findall(r"<code>([\w-]+)</code>", client.get(CODES).content.decode())
        assert not is_signed_in_by(customer, codes[2])
        assert is_signed_in_by(customer, fresh[0])

    def test_of_another_person_are_nothing(self, browser: Client) -> None:
        other = UserFactory.create()
        enrol(other)
        factor = other.second_factors.get()
        confirmed(browser)
        for name in ("factor_remove", "passkey_rename"):
            assert browser.post(reverse(f"accounts:{name}", args=[factor.public_id])).status_code == 404
        assert other.has_second_factor()

    def test_who_just_signed_in_is_not_asked_again(self, customer: User) -> None:
        codes = enrol(customer)
        client = sign_in(customer)
        assert client.get(APP).status_code == 302
        assert client.post(STEP, {"otp": codes[0]}).status_code == 302
        assert client.get(APP).status_code == 200

    def test_confirmation_lasts_ten_minutes(self, browser: Client) -> None:
        confirmed(browser)
        session = browser.session
        session[proofs.CONFIRMED] -= 601
        session.save()
        assert browser.get(APP).status_code == 302


def sign_in_with(user: User, code: str) -> Client:
    client = sign_in(user)
    assert client.post(STEP, {"otp": code}).status_code == 302
    return client


class TestStaff:
    @pytest.fixture(autouse=True)
    def required(self, settings: Any) -> None:
        settings.SHOP_STAFF_MFA = True

    @pytest.fixture
    def staff(self) -> User:
        return StaffFactory.create(is_superuser=True)

    def test_without_a_factor_are_led_to_setting_one_up(self, staff: User, customer: User) -> None:
        client = sign_in(staff, next="/admin/")
        assert client.get("/admin/")["Location"] == SECURITY
        assert client.get(reverse("admin:accounts_user_changelist"))["Location"] == SECURITY
        assert "Staff need a second factor" in client.get(SECURITY).content.decode()
        assert client.get(f"/api/users/{customer.public_id}").status_code == 404
        assert client.get("/api/users/me").status_code == 200

        secret = confirmed(client).get(APP).context["secret"].replace(" ", "")
        client.post(APP, {"code": totp.code_at(secret, totp.step_at(timezone.now()))})
        assert client.get("/admin/").status_code == 200
        assert client.get(f"/api/users/{customer.public_id}").status_code == 200

    def test_a_session_from_before_shows_the_factor_first(self, staff: User) -> None:
        old = sign_in(staff)
        codes = enrol(staff)
        assert old.get("/admin/")["Location"] == SECURITY
        confirmed(old, otp=codes[0])
        assert old.get("/admin/").status_code == 200

    def test_sign_in_with_their_factor(self, staff: User) -> None:
        codes = enrol(staff)
        client = sign_in_with(staff, codes[0])
        assert client.get("/admin/").status_code == 200

    def test_lose_everything_with_the_factor(self, staff: User) -> None:
        client = sign_in_with(staff, enrol(staff)[0])
        operations.reset_second_factor(staff, now=timezone.now())
        assert client.get("/admin/")["Location"] == SECURITY

    def test_get_no_token_without_a_factor(self, api: ApiClient, staff: User) -> None:
        body = {"email": staff.email, "password": PASSWORD}
        refused = api.post("/users/login", body)
        assert (refused.status_code, refused.json()["code"]) == (403, "mfa_enrolment_required")
        codes = enrol(staff)
        secret = api.post("/users/login", body | {"otp": codes[0]}).json()["data"]["token"]
        assert ApiClient(secret).get(f"/users/{UserFactory.create().public_id}").status_code == 200

    def test_a_token_from_before_opens_no_staff_function(self, settings: Any, staff: User, customer: User) -> None:
        settings.SHOP_STAFF_MFA = False
        old = ApiClient.of(staff)
        assert old.get(f"/users/{customer.public_id}").status_code == 200
        settings.SHOP_STAFF_MFA = True
        assert old.get(f"/users/{customer.public_id}").status_code == 404
        enrol(staff)
        assert old.get(f"/users/{customer.public_id}").status_code == 404
        assert old.get("/users/me").status_code == 200
        token = staff.api_tokens.get()
        for path in ("tokens", f"tokens/{token.public_id}/rotate"):
            refused = old.post(f"/users/me/{path}", {"name": "new", "scopes": ["*"]} if path == "tokens" else None)
            assert (refused.status_code, refused.json()["code"]) == (403, "mfa_enrolment_required")

    def test_customers_need_none(self, customer: User) -> None:
        assert is_signed_in(sign_in(customer))
        assert ApiClient.of(customer).get("/users/me").status_code == 200


class TestTheAdminsDoor:
    def test_is_the_shops(self, customer: User) -> None:
        anonymous = Client()
        assert anonymous.get("/admin/")["Location"] == "/admin/login/?next=/admin/"
        page = anonymous.get("/admin/login/?next=/admin/").content.decode()
        assert f'action="{LOGIN}"' in page and 'value="/admin/"' in page
        anonymous.force_login(customer)
        assert customer.email in anonymous.get("/admin/login/", {"next": "/admin/"}).content.decode()
        staff = StaffFactory.create(is_superuser=True)
        response = anonymous.post(LOGIN, {"email": staff.email, "password": PASSWORD, "next": "/admin/"})
        assert response["Location"] == "/admin/" and anonymous.get("/admin/").status_code == 200
        assert anonymous.get("/admin/login/", {"next": "/admin/"})["Location"] == "/admin/"


@pytest.mark.parametrize(("required", "warned"), [(True, False), (False, True)])
def test_a_deployment_is_told_that_passwords_alone_open_the_admin(settings: Any, required: bool, warned: bool) -> None:
    settings.SHOP_STAFF_MFA = required
    found = checks.run_checks(include_deployment_checks=True)
    assert ("accounts.W001" in {each.id for each in found}) == warned


class TestReset:
    def test_takes_everything_away_and_tells_the_owner(self, customer: User, capsys: Any) -> None:
        enrol(customer)
        call_command("reset_second_factor", customer.email.upper())
        assert not SecondFactor.objects.exists() and not RecoveryCode.objects.exists()
        assert "1 second factors" in capsys.readouterr().out
        assert OutboxEvent.objects.filter(topic="user.second_factor_changed", payload__what="reset").exists()

    def test_needs_an_account(self) -> None:
        with pytest.raises(CommandError):
            call_command("reset_second_factor", "nobody@example.com")
