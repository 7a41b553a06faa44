"""A copy holds everything of one person and nothing of another; an erasure keeps the books and nothing else."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import SESSION_KEY
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import operations as accounts
from accounts import totp
from accounts.models import User
from accounts.schemas import AddressBody
from accounts.tests.clients import ApiClient, until_throttled
from accounts.tests.factories import PASSWORD, AddressFactory, StaffFactory, UserFactory
from accounts.tests.test_second_factor import code_of, enrol
from cart.models import CartSnapshot
from checkout.tests.books import broken
from checkout.tests.factories import ADDRESS, make_cart, make_variant, order_in, place_order
from checkout.tests.test_races import at_once
from inventory.models import StockItem
from notifications.models import MailLog
from orders.models import Order
from orders.privacy import years_earlier
from payments.models import Payment
from shop import outbox, privacy
from shop.errors import DomainError, Unauthenticated
from shop.tasks import forget_people

pytestmark = pytest.mark.usefixtures("sound")

PRIVACY, EXPORT, ERASE = (reverse(f"accounts:{name}") for name in ("privacy", "export", "erase"))
CONFIRM, LOGIN = reverse("accounts:confirm"), reverse("accounts:login")


def somebody(name: str) -> User:
    """With something in every part, each row marked by the name."""
    user = UserFactory.create(email=f"{name.lower()}@example.com", first_name=name, phone=f"+49 30 {len(name)}0182")
    AddressFactory.create(user=user, full_name=f"{name} Byron", line1=f"{name} street 7")
    accounts.issue_token(user, f"token of {name}", timezone.now())
    enrol(user)
    user.second_factors.update(name=f"app of {name}")
    address = ADDRESS | {"full_name": f"{name} Byron", "line1": f"{name} street 7"}
    order = order_in("delivered", user=user, shipping_address=address)
    Payment.objects.create(order=order, provider="cod", currency=order.currency, amount_minor=order.total_minor)
    make_cart(make_variant(sku=f"SKU-{name}".upper()), user=user)
    outbox.relay(timezone.now() + timedelta(seconds=1))
    return user


def confirmed(user: User) -> Client:
    client = Client(headers={"User-Agent": f"Browser of {user.first_name}"})
    client.force_login(user)
    body = {"current_password": PASSWORD, "otp": code_of(user) if user.has_second_factor() else ""}
    assert client.post(CONFIRM, body | {"next": PRIVACY})["Location"] == PRIVACY
    return client


def text_of(response: Any) -> str:
    return b"".join(response.streaming_content).decode()


class TestExport:
    def test_holds_every_part_and_nothing_of_anybody_else(self) -> None:
        carla, _ = somebody("Carla"), somebody("Dora")
        client = confirmed(carla)
        response = client.get(EXPORT)
        assert "attachment" in response["Content-Disposition"] and "no-store" in response["Cache-Control"]
        text = text_of(response)
        data = json.loads(text)
        assert set(data) == {"exportedAt", *(part.name for part in privacy.parts())}
        assert {"account", "carts", "orders", "payments", "mails"} <= set(data)
        assert data["account"]["profile"]["email"] == "carla@example.com"
        assert data["account"]["profile"]["addresses"][0]["line1"] == "Carla street 7"
        assert data["account"]["apiTokens"][0]["name"] == "token of Carla"
        assert data["account"]["secondFactors"][0]["name"] == "app of Carla"
        assert data["carts"][-1]["items"][0]["sku"] == "SKU-CARLA"
        assert data["orders"][0]["shippingAddress"]["line1"] == "Carla street 7"
        assert data["orders"][0]["events"][0]["type"] == "placed"
        assert data["payments"][0]["amount"] == data["orders"][0]["total"]
        assert "carla@example.com" in {entry["recipient"] for entry in data["mails"]}
        assert "Dora" not in text and "dora" not in text.lower()

    def test_holds_no_secret(self) -> None:
        carla = somebody("Carla")
        token, factor = carla.api_tokens.get(), carla.second_factors.get()
        text = text_of(confirmed(carla).get(EXPORT))
        for secret in (carla.password, token.digest, factor.sealed_secret, carla.recovery_codes.all()[0].digest):
            assert secret not in text

    def test_asks_for_the_password_again(self, browser: Client) -> None:
        for path in (PRIVACY, EXPORT, ERASE):
            assert browser.get(path)["Location"].startswith(CONFIRM)
        assert Client().get(EXPORT)["Location"].startswith(LOGIN)

    def test_its_json_twin_is_for_oneself_alone(self, api: ApiClient) -> None:
        carla, dora = somebody("Carla"), somebody("Dora")
        client = ApiClient.of(carla)
        data = client.get("/users/me/export").json()["data"]
        assert data["account"]["profile"]["userId"] == carla.public_id
        assert data == client.get(f"/users/{carla.public_id}/export").json()["data"] | {"account": data["account"]}
        assert client.get(f"/users/{dora.public_id}/export").status_code == 404
        staff = ApiClient.of(StaffFactory.create(is_superuser=True))
        assert staff.get(f"/users/{dora.public_id}/export").status_code == 404
        assert api.get("/users/me/export").status_code == 401
        secret = accounts.issue_token(carla, "narrow", timezone.now(), scopes=["account:write", "orders:write"])[1]
        narrow = ApiClient(secret)
        assert narrow.get("/users/me/export").json()["code"] == "insufficient_scope"
        assert narrow.post("/users/me/erase", {"currentPassword": PASSWORD}).json()["code"] == "insufficient_scope"

    def test_is_throttled(self, customer_api: ApiClient) -> None:
        until_throttled(lambda _: customer_api.get("/users/me/export"), after=5)

    def test_asks_the_database_as_often_for_many_orders(self, django_assert_max_num_queries: Any) -> None:
        carla = UserFactory.create()
        for _ in range(5):
            place_order(user=carla)
        with django_assert_max_num_queries(30):
            assert len(dict(accounts.export_account(carla))["orders"]) == 5


class TestErasure:
    def test_forgets_the_person_and_keeps_the_books(self) -> None:
        carla = somebody("Carla")
        order = carla.orders.get()
        total = order.total_minor
        held = StockItem.objects.get(sku="SKU-CARLA")
        assert held.reserved == 2
        program = ApiClient.of(carla)
        client, other = confirmed(carla), Client()
        other.force_login(carla)

        mail.outbox.clear()
        assert client.post(ERASE, {"email": "Carla@Example.com"})["Location"] == "/"
        carla.refresh_from_db()
        assert carla.email == f"erased-{carla.public_id}@invalid".lower()
        assert (carla.first_name, carla.last_name, carla.phone) == ("", "", "")
        assert not carla.is_active and not carla.has_usable_password() and carla.erased_at
        assert not carla.addresses.exists() and not carla.api_tokens.exists() and not carla.has_second_factor()
        assert not CartSnapshot.objects.filter(user=carla).exists()
        held.refresh_from_db()
        assert held.reserved == 0

        assert SESSION_KEY not in client.session
        assert other.get(reverse("accounts:profile")).status_code == 302
        assert program.get("/users/me").status_code == 401
        signed_in = ApiClient().post("/users/login", {"email": "carla@example.com", "password": PASSWORD})
        assert signed_in.json()["code"] == "wrong_credentials"

        order.refresh_from_db()
        assert (order.total_minor, order.user_id) == (total, carla.pk)
        assert order.billing_address["line1"] == "Carla street 7", "the books keep whose invoice it was"

        outbox.relay(timezone.now() + timedelta(seconds=1))
        last = [message for message in mail.outbox if message.subject == "Your account is erased"]
        assert [message.to for message in last] == [["carla@example.com"]]
        assert "10 years" in str(last[0].body)
        kept = MailLog.objects.filter(recipient="carla@example.com")
        assert not kept.exclude(order=order).exists()
        assert User.objects.filter(erased_at__isnull=False).count() == 1

    def test_lets_the_address_be_used_again(self, customer: User) -> None:
        email = customer.email
        accounts.erase_account(customer, now=timezone.now())
        body = {"email": email, "password": "a fine long passphrase"}
        assert ApiClient().post("/users/register", body).status_code == 201

    @pytest.mark.parametrize("status", ["pending", "confirmed", "processing", "shipped"])
    def test_waits_for_open_orders(self, status: str) -> None:
        carla = UserFactory.create()
        order = order_in(status, user=carla)
        make_cart(user=carla)
        client = confirmed(carla)
        page = client.post(ERASE, {"email": carla.email})
        assert page.status_code == 409 and order.number in page.content.decode()
        carla.refresh_from_db()
        assert carla.is_active and carla.carts.filter(state="open").exists()

    @pytest.mark.parametrize("status", ["delivered", "cancelled"])
    def test_does_not_wait_for_finished_ones(self, status: str) -> None:
        carla = UserFactory.create()
        order_in(status, user=carla)
        assert confirmed(carla).post(ERASE, {"email": carla.email}).status_code == 302

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize("_turn", range(3))
    def test_at_the_same_moment_as_an_order_one_of_them_is_refused(self, _turn: int) -> None:
        carla = UserFactory.create()
        cart, now = make_cart(user=carla), timezone.now()
        placed, erased = at_once(
            lambda: place_order(cart=cart, user=carla, now=now), lambda: accounts.erase_account(carla, now=now)
        )
        assert isinstance(placed, DomainError) != isinstance(erased, DomainError)
        carla.refresh_from_db()
        assert carla.orders.exists() == carla.is_active

    @pytest.mark.parametrize("verb", ["profile", "address", "token", "app"])
    def test_what_was_under_way_meanwhile_writes_nothing_to_the_account(self, customer: User, verb: str) -> None:
        """It waited for the erasure's lock, with the person as they were before."""
        secret, now = totp.new_secret(), timezone.now()
        body = AddressBody.model_validate(ADDRESS, by_name=True)
        verbs: dict[str, Callable[[], Any]] = {
            "profile": lambda: accounts.update_profile(customer, asked_by=customer, first_name="Ada", now=now),
            "address": lambda: accounts.save_address(customer, body),
            "token": lambda: accounts.create_token(customer, name="t", scopes=["*"], days=7, granted=["*"], now=now),
            "app": lambda: accounts.enrol_app(customer, secret, totp.code_at(secret, totp.step_at(now)), now=now),
        }
        accounts.erase_account(User.objects.get(pk=customer.pk), now=now)
        with pytest.raises(Unauthenticated):
            verbs[verb]()

    def test_leaves_no_mail_to_nobody(self, customer: User) -> None:
        """A mail server refuses such an address, for half a day; then staff find a mail that was given up."""
        now = timezone.now()
        accounts.start_password_reset(customer.email, request_address="test", now=now)
        accounts.start_verification(customer.email, request_address="test", now=now)
        mail.outbox.clear()
        address = customer.email
        accounts.erase_account(customer, now=now)
        outbox.relay(timezone.now())
        assert [(sent.to, sent.subject) for sent in mail.outbox] == [([address], "Your account is erased")]

    def test_reaches_the_administrators_log(self, admin_browser: Client, customer: User) -> None:
        page = reverse("admin:accounts_user_change", args=[customer.pk])
        form = admin_browser.get(page).context["adminform"].form
        data = {name: value for name, value in form.initial.items() if isinstance(value, str)} | {"is_active": "on"}
        data |= {"addresses-TOTAL_FORMS": "0", "addresses-INITIAL_FORMS": "0"}
        data |= {"api_tokens-TOTAL_FORMS": "0", "api_tokens-INITIAL_FORMS": "0"}
        assert admin_browser.post(page, data | {"phone": "+49 30 1"}).status_code == 302
        assert LogEntry.objects.get().object_repr == customer.email
        accounts.erase_account(customer, now=timezone.now())
        assert LogEntry.objects.get().object_repr == f"erased-{customer.public_id}@invalid".lower()

    def test_is_typed_out(self, browser: Client, customer: User) -> None:
        client = confirmed(customer)
        for typed in ("", "yes", "other@example.com"):
            assert client.post(ERASE, {"email": typed}).status_code == 200
        customer.refresh_from_db()
        assert customer.is_active

    def test_never_takes_the_last_administrator(self) -> None:
        admin = StaffFactory.create(is_superuser=True)
        StaffFactory.create(is_superuser=True, is_active=False)
        assert "last administrator" in confirmed(admin).post(ERASE, {"email": admin.email}).content.decode()
        StaffFactory.create(is_superuser=True)
        assert confirmed(admin).post(ERASE, {"email": admin.email}).status_code == 302

    def test_its_json_twin_wants_password_and_factor(self) -> None:
        carla, dora = somebody("Carla"), somebody("Dora")
        client = ApiClient.of(carla)

        def erase(user_id: str = "me", **body: str) -> Any:
            return client.post(f"/users/{user_id}/erase", body)

        assert erase().status_code == 400
        assert erase(currentPassword="guess", otp=code_of(carla)).status_code == 400
        assert erase(currentPassword=PASSWORD).json()["code"] == "mfa_required"
        assert erase(currentPassword=PASSWORD, otp="000000").json()["code"] == "wrong_code"
        assert erase(dora.public_id, currentPassword=PASSWORD, otp=code_of(carla)).status_code == 404
        open_order = order_in("shipped", user=carla)
        refused = erase(currentPassword=PASSWORD, otp=code_of(carla))
        assert (refused.status_code, refused.json()["code"]) == (409, "erase_refused")
        assert open_order.number in refused.json()["error"]
        Order.objects.filter(pk=open_order.pk).update(user=None)
        carla.second_factors.update(last_step=1)
        assert erase(currentPassword=PASSWORD, otp=code_of(carla)).status_code == 204
        assert client.get("/users/me").status_code == 401


class TestRetention:
    @pytest.fixture
    def now(self) -> Iterator[datetime]:
        yield timezone.now()

    def test_old_orders_forget_their_buyer_and_keep_their_sums(self, now: datetime) -> None:
        carla = somebody("Carla")
        old, young = carla.orders.get(), order_in("delivered", user=carla)
        open_one = place_order(user=carla)
        long_ago = years_earlier(now, 10) - timedelta(days=1)
        Order.objects.filter(pk__in=[old.pk, open_one.pk]).update(placed_at=long_ago)
        Order.objects.filter(pk=young.pk).update(placed_at=long_ago + timedelta(days=2))
        total = old.total_minor

        forget_people()
        forget_people()
        old.refresh_from_db()
        assert old.redacted_at and old.total_minor == total and old.lines.exists()
        assert old.shipping_address == {"country": "DE", "region": "", "postal_code": "10115"}
        assert "carla" not in f"{old.email}{old.phone}{old.billing_address}".lower()
        assert not MailLog.objects.filter(order=old, recipient__icontains="carla").exists()
        for order in (young, open_one):
            order.refresh_from_db()
            assert not order.redacted_at and order.shipping_address["line1"]

        client = ApiClient.of(carla)
        assert client.get(f"/orders/{old.public_id}").json()["data"]["shippingAddress"]["fullName"] == ""
        page = Client()
        page.force_login(carla)
        assert page.get(old.get_absolute_url()).status_code == 200

    def test_a_leap_day_has_a_day_ten_years_before(self) -> None:
        leap = datetime(2028, 2, 29, tzinfo=timezone.get_current_timezone())
        assert years_earlier(leap, 10) == leap.replace(year=2018, day=28)


class TestInvariants:
    @pytest.mark.parametrize(
        "left_over",
        [{"first_name": "Carla"}, {"phone": "1"}, {"email": "carla@example.com"}, {"is_active": True}],
    )
    def test_see_what_an_erasure_left(self, left_over: dict[str, Any]) -> None:
        carla = UserFactory.create()
        accounts.erase_account(carla, now=timezone.now())
        assert broken() == {}
        User.objects.filter(pk=carla.pk).update(**left_over)
        assert list(broken()) == ["U9"]
        accounts.erase_account(carla, now=timezone.now())

    def test_see_a_cart_that_stayed(self) -> None:
        carla = UserFactory.create()
        accounts.erase_account(carla, now=timezone.now())
        cart = CartSnapshot.objects.create(user=carla)
        assert list(broken()) == ["C9"]
        cart.delete()

    def test_see_an_order_that_forgot_half(self) -> None:
        order = order_in("delivered")
        Order.objects.filter(pk=order.pk).update(redacted_at=timezone.now())
        assert list(broken()) == ["O9"]
        Order.objects.filter(pk=order.pk).update(redacted_at=None)

    def test_see_a_readable_secret(self) -> None:
        carla = UserFactory.create()
        enrol(carla)
        carla.second_factors.update(sealed_secret="JBSWY3DPEHPK3PXP")
        assert list(broken()) == ["U8"]
        carla.second_factors.all().delete()
