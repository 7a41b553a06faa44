"""The contract's small shop, with seven people before its doors and what each of them owns."""

from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

from django.contrib.auth.models import Group
from django.db import transaction
from django.test import Client
from django.test.client import ClientHandler
from django.utils import timezone

from accounts import operations, proofs
from accounts.models import SecondFactor, User
from accounts.tests.clients import ApiClient
from accounts.tests.factories import StaffFactory
from cart.queries import SESSION_KEY
from catalog.models import Attribute, Brand, Product
from checkout.tests.factories import order_in
from invoices.operations import content, issue
from notifications.models import MailLog
from orders.models import Order
from orders.operations import ReturnItem, request_return
from payments.models import WebhookEvent
from pricing.tests.factories import coupon, stored_promotion
from reviews.tests.factories import review_of
from shipping.models import Holiday
from tests.contract.world import Shopper, data, make_world
from webhooks import operations as webhooks

from .table import PERSONAS


@cache
def handler() -> ClientHandler:
    return ClientHandler(enforce_csrf_checks=False)


def new_browser() -> Client:
    """Without cookies. Each would load all middlewares anew, which takes longer than most requests."""
    browser = Client(raise_request_exception=False)
    browser.handler = handler()
    return browser


@dataclass
class Persona:
    """`things` are ids of what is theirs, by kind; `token` opens a guest's order."""

    name: str
    user: User | None = None
    bearer: str = ""
    token: str = ""
    cart_id: str = ""
    things: dict[str, str] = field(default_factory=dict)

    def browser(self) -> Client:
        """A new session each time: what a request leaves in one must not help the next."""
        browser = new_browser()
        if self.kept:
            session = browser.session
            session.update(self.kept | {proofs.CONFIRMED: timezone.now().timestamp()})
            session.save()
        return browser

    @cached_property
    def kept(self) -> dict[str, Any]:
        """What a sign-in leaves in a session. To sign in anew before each request takes longer than the request."""
        if not self.user:
            return {SESSION_KEY: self.cart_id} if self.cart_id else {}
        browser = Client()
        browser.force_login(self.user)
        return dict(browser.session.items())


@dataclass(frozen=True)
class World:
    personas: dict[str, Persona]
    there: dict[str, str]
    withdrawn: dict[str, str]

    def other(self, persona: Persona) -> Persona:
        return self.personas["ben" if persona.name == "anna" else "anna"]


def make() -> World:
    shop = make_world()
    product = Product.objects.get(public_id=shop.product_id)
    withdrawn = Product.objects.get(public_id=shop.withdrawn_id)
    personas = {
        "anonymous": Persona("anonymous"),
        "guest": guest(shop.guest),
        "anna": customer("anna", shop.anna, product),
        "ben": customer("ben", shop.ben, product),
        "support": staff("support", Group.objects.get(name="Support")),
        "catalogue": staff("catalogue", Group.objects.get(name="Catalogue")),
        "admin": staff("admin"),
    }
    assert tuple(personas) == PERSONAS
    fill_the_admin()
    return World(
        personas,
        there={"product": product.public_id, "slug": product.slug, "category": "kitchen", "sku": "WH-001"},
        withdrawn={"product": withdrawn.public_id, "slug": withdrawn.slug},
    )


def guest(shopper: Shopper) -> Persona:
    token = shopper.order_token or ""
    things = {
        "order": shopper.order_id,
        "item": shopper.item_id,
        "cart": shopper.cart_id,
        "invoice": invoice_for(shopper.order_id),
    }
    return Persona("guest", bearer=token, token=token, cart_id=shopper.cart_id, things=things)


def customer(name: str, shopper: Shopper, product: Product) -> Persona:
    user = User.objects.get(public_id=shopper.user_id)
    delivered = order_in("delivered", product.variants.get(), user=user, quantity=1)
    back = [ReturnItem(delivered.lines.get().public_id, 1, "other")]
    returned = request_return(delivered, back, actor=user.public_id, now=timezone.now())
    review = review_of(product, user)
    # That order has taken the cart with it.
    cart = data(shopper.api.post("/cart/me/items", {"sku": "WH-001"}))
    token, _ = operations.create_token(user, name="A program", scopes=["*"], days=30, granted=["*"], now=timezone.now())
    passkey = SecondFactor.objects.create(user=user, kind=SecondFactor.Kind.PASSKEY, name="A phone")
    Client().force_login(user)
    return Persona(
        name,
        user=user,
        bearer=shopper.api.bearer,
        cart_id=cart["cartId"],
        things={
            "user": user.public_id,
            "order": shopper.order_id,
            "invoice": invoice_for(shopper.order_id),
            "delivered": delivered.public_id,
            "cart": cart["cartId"],
            "item": cart["items"][0]["itemId"],
            "review": review.public_id,
            "shipment": delivered.shipments.get().public_id,
            "return": returned.public_id,
            "address": user.addresses.get().public_id,
            "token": token.public_id,
            "session": user.browser_sessions.first().public_id,  # type: ignore[union-attr]
            "factor": passkey.public_id,
        },
    )


def invoice_for(order_id: str) -> str:
    """The number of an invoice that is not due yet: its order stays as the other addresses need it."""
    with transaction.atomic():
        order = Order.objects.get(public_id=order_id)
        return issue._write(content.invoice_of(order, 1), now=timezone.now()).number


def staff(name: str, *groups: Group) -> Persona:
    user = StaffFactory.create(email=f"{name}@example.com", is_superuser=not groups)
    user.groups.set(groups)
    return Persona(name, user=user, bearer=ApiClient.of(user).bearer, things={"user": user.public_id})


def fill_the_admin() -> None:
    """Something of each model that has nothing yet, so that its pages are asked for something that is there."""
    promotion = stored_promotion(needs_coupon=True)
    coupon("HARBOUR10", of=promotion)
    Holiday.objects.create(date=timezone.now().date(), name="A day off")
    MailLog.objects.create(key="kept", template="order_placed", recipient="anna@example.com", subject="Thank you")
    WebhookEvent.objects.create(provider="stripe", event_id="evt_kept", type="ping", payload={}, attempts=99)
    endpoint, _ = webhooks.create_endpoint(url="https://hooks.example.com/", topics=["order.paid"])
    webhooks.send_test(endpoint, now=timezone.now())
    Brand.objects.create(name="Loam", slug="loam")
    Attribute.objects.create(code="glaze", name="Glaze")
