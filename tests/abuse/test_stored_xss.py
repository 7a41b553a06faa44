"""Markup in every field that people fill in, and every page that shows it, in Chromium: none becomes an element.

The same walk sees that the storefront's own pages break their policy nowhere and ask no other host for anything.
"""

from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Dialog, Page

from accounts import operations as accounts
from accounts.models import Address, User
from accounts.tests.factories import StaffFactory, UserFactory
from catalog.models import Brand, Category, Product
from catalog.tests.factories import VariantFactory
from orders.models import Order
from pricing.tests.factories import coupon, stored_promotion
from reviews.tests.factories import review_of
from tests.journeys.browser import needs_chromium, page

pytestmark = [needs_chromium, pytest.mark.browser, pytest.mark.slow]

# Out of text, of an attribute in either quote, of a title, of a script; each leaves `data-xss` where it succeeds.
SHORT = "\"'><img data-xss src=x onerror=alert(1)>"
LONG = f"</title></textarea></script>{SHORT}<script data-xss>alert(1)</script>"
OTHERS = [
    "<svg/onload=alert(1) data-xss>", "<b data-xss>{{7*7}}</b>", "&lt;img data-xss src=x onerror=alert(1)&gt;",
    "\" autofocus onfocus=alert(1) data-xss=\"", "javascript:alert(1)",
    "<iframe data-xss srcdoc='<script>alert(1)</script>'>",
    "<a data-xss href='javascript:alert(1)'>x</a>", "<style data-xss>@import'//evil.example'</style>",
]  # fmt: skip


class Watched:
    """A tab that notes whatever must not happen."""

    def __init__(self, tab: Page, site: str) -> None:
        self.tab, self.site = tab, site
        self.problems: list[str] = []
        self.shown = 0
        tab.on("dialog", self.on_dialog)
        tab.on("console", lambda message: self.note(message.text) if "Content Security" in message.text else None)
        tab.on("pageerror", lambda error: self.note(str(error)))
        tab.on(
            "request", lambda request: self.note(f"asked for {request.url}") if self.is_foreign(request.url) else None
        )

    def on_dialog(self, dialog: Dialog) -> None:
        self.note("a dialog opened")
        dialog.dismiss()

    def note(self, what: str) -> None:
        self.problems.append(f"{self.tab.url.removeprefix(self.site)}: {what}")

    def is_foreign(self, url: str) -> bool:
        return not url.startswith((self.site, "data:", "about:"))

    def open(self, path: str) -> None:
        answer = self.tab.goto(self.site + path)
        assert answer and answer.status in {200, 404}, (path, answer and answer.status)
        self.shown += "data-xss" in (self.tab.text_content("body") or "")
        if self.tab.locator("[data-xss]").count():
            self.note("a payload became an element")

    def sign_in(self, user: User, agent: str = "test") -> Client:
        client = Client(headers={"User-Agent": agent})
        client.force_login(user)
        self.tab.context.add_cookies(
            [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": self.site}]
        )
        return client


@pytest.fixture
def site(live_server: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    # Playwright runs an event loop in this thread, and Django would take its queries for those of a coroutine.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    settings.SHOP_BASE_URL, settings.SHOP_STAFF_MFA = live_server.url, False
    return str(live_server.url)


@pytest.fixture
def product(transactional_db: None) -> Product:
    product = VariantFactory.create(product__name=LONG, product__description=LONG + " ".join(OTHERS)).product
    brand = Brand.objects.create(name=LONG, slug="xss")
    Product.objects.filter(pk=product.pk).update(brand=brand, attributes={"material": LONG, "glaze": OTHERS[0]})
    Category.objects.update(name=LONG, description=LONG)
    product.refresh_from_db()
    return product


@pytest.fixture
def shopper(product: Product) -> User:
    user: User = UserFactory.create(first_name=SHORT, last_name=SHORT, phone=OTHERS[0])
    address = {"full_name": LONG, "line1": LONG, "line2": " ".join(OTHERS)[:200], "city": LONG[:110], "region": SHORT}
    Address.objects.create(user=user, postal_code="10115", country="DE", phone=SHORT, **address)
    review_of(product, user, title=SHORT, text=LONG + " ".join(OTHERS))
    Order.objects.filter(user=user).update(
        shipping_address=address | {"postal_code": "10115", "country": "DE", "phone": SHORT}, phone=SHORT
    )
    accounts.create_token(user, name=SHORT, scopes=["*"], days=30, granted=["*"], now=timezone.now())
    coupon("XSS10", of=stored_promotion(name=SHORT, needs_coupon=True))
    return user


def storefront(product: Product, shopper: User) -> list[str]:
    order = Order.objects.filter(user=shopper).first()
    address = shopper.addresses.get()
    assert order
    text = quote(LONG, safe="")
    return [
        "/", "/products/", f"/products/?brand={text}&minPrice={text}", product.get_absolute_url(),
        f"{product.get_absolute_url()}?color={text}", f"{product.get_absolute_url()}reviews/",
        f"{product.get_absolute_url()}reviews/mine/", f"/search/?q={text}", f"/category/{text}/", f"/{text}/", "/cart/",
        "/track/", "/checkout/contact/", "/checkout/delivery/", "/checkout/review/", "/account/", "/account/addresses/",
        f"/account/addresses/{address.public_id}/", "/account/orders/", order.get_absolute_url(),
        f"/orders/{order.public_id}/pay/", "/account/reviews/", "/account/tokens/", "/account/security/",
        "/account/privacy/", "/account/password/", "/api/docs",
    ]  # fmt: skip


def admin() -> list[str]:
    models: list[Any] = [User, Order, Product, Brand, Category]
    paths = [
        f"/admin/{model._meta.app_label}/{model._meta.model_name}/{page}"
        for model in models
        for page in ("", f"{model.objects.order_by('pk').first().pk}/change/")
    ]
    others = ["reviews/review/", "pricing/promotion/", "pricing/coupon/", "payments/payment/", "shop/outboxevent/"]
    return [*paths, *(f"/admin/{each}" for each in others), "/admin/", f"/admin/search/?s={quote(SHORT)}"]


def test_no_payload_runs_on_any_page(site: str, product: Product, shopper: User) -> None:
    with page(javascript=True) as tab:
        watched = Watched(tab, site)
        client = watched.sign_in(shopper, agent=LONG)
        client.post("/cart/items/", {"sku": product.variants.get().sku, "quantity": "1"}, headers={"Referer": LONG})
        address = shopper.addresses.get()
        fields = ("full_name", "line1", "line2", "postal_code", "city", "region", "country", "phone")
        contact = {"email": shopper.email} | {name: getattr(address, name) for name in fields}
        assert client.post("/checkout/contact/", contact).status_code == 302
        assert client.post("/checkout/delivery/", {"shipping_method": "standard"}).status_code == 302
        for path in storefront(product, shopper):
            watched.open(path)
        assert watched.problems == []

        watched.sign_in(StaffFactory.create(is_superuser=True))
        for path in admin():
            watched.open(path)
        assert watched.problems == []
        assert watched.shown >= 20, "payloads are shown, as text"
