"""A purchase from the home page to the paid order and its mail, each also with the way back or the webhook cut off."""

import re
import time
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.browser import needs_chromium, page
from tests.stack import Stack, eventually, request

ADDRESS = {"fullName": "Ada Byron", "line1": "Am Markt 1", "city": "Bremen", "postalCode": "28195", "country": "DE"}
CUTS = ["nothing cut", "redirect cut", "webhook cut"]

pytestmark = [pytest.mark.slow]


@needs_chromium
@pytest.mark.browser
@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("javascript", [True, False], ids=["javascript", "no javascript"])
def test_a_guest_buys_in_a_browser(faults: Stack, javascript: bool, cut: str) -> None:
    email = f"guest-{time.time_ns()}@example.com"
    before = faults.sandbox_state()
    with page(javascript=javascript, width=390 if javascript else 1280) as tab:
        fill_the_bag(tab, faults)
        check_out(tab, email)
        shown = total_on_the_button(tab)
        tab.get_by_role("button", name="Order and pay").click()
        expect(tab).to_have_url(re.compile(re.escape(faults.sandbox_url)))
        expect(tab.locator("body")).to_contain_text(shown)

        if cut == "webhook cut":
            faults.set_faults(webhooks="drop")
        if cut == "redirect cut":
            order_page = way_back(tab)
            tab.route(f"{faults.base_url}/**", lambda route: route.abort())
            tab.get_by_role("button", name="4242").click()
            tab.wait_for_timeout(500)  # the aborted way back
            tab.unroute(f"{faults.base_url}/**")
            eventually(lambda: is_paid(tab, order_page), seconds=30, what="the webhook's effect")
        else:
            tab.get_by_role("button", name="4242").click()
            expect(tab).to_have_url(re.compile(r"/orders/order_\w+/"))
        expect(tab.locator("main")).to_contain_text("Confirmed")

    check_effects(faults, before, cut)
    mail = eventually(lambda: mail_to(faults, email), seconds=30, what="the mail")
    assert "is paid" in mail
    assert faults.broken_invariants() == []


@pytest.mark.parametrize("cut", CUTS)
def test_a_program_buys_through_the_api(faults: Stack, cut: str) -> None:
    email = f"program-{time.time_ns()}@example.com"
    before = faults.sandbox_state()
    product = faults.call("GET", "/api/products/search?q=harbour+mug").data[0]
    variant = next(variant for variant in product["variants"] if variant["stock"] > 1)
    cart = faults.call("POST", "/api/cart/me/items", {"variantId": variant["variantId"], "quantity": 2}).data
    body = {"cartId": cart["cartId"], "email": email, "shippingAddress": ADDRESS, "paymentMethod": "stripe"}
    placed = faults.call("POST", "/api/orders", body, idempotency_key=f"order-{email}")
    assert placed.status == 201
    again = faults.call("POST", "/api/orders", body, idempotency_key=f"order-{email}")
    assert (again.status, again.body) == (201, placed.body)
    order = placed.data

    if cut == "webhook cut":
        faults.set_faults(webhooks="drop")
    paid = faults.pay(order["payment"]["redirectUrl"])
    assert paid.status == 303
    if cut != "redirect cut":
        assert request(paid.headers["location"], "GET", None, {}).status == 302

    def settled() -> Any:
        now = faults.call("GET", f"/api/orders/{order['orderId']}", token=order["orderToken"]).data
        return now if now["paymentStatus"] == "paid" else None

    now = eventually(settled, seconds=30, what="the payment")
    assert (now["status"], now["total"]) == ("confirmed", order["total"])
    check_effects(faults, before, cut)
    eventually(lambda: mail_to(faults, email), seconds=30, what="the mail")
    assert faults.broken_invariants() == []


@needs_chromium
@pytest.mark.browser
def test_a_decline_keeps_everything(shop: Stack) -> None:
    with page(javascript=False) as tab:
        fill_the_bag(tab, shop)
        check_out(tab, f"declined-{time.time_ns()}@example.com")
        tab.get_by_role("button", name="Order and pay").click()
        tab.get_by_role("button", name="4000 0000 0000 0002").click()
        expect(tab.locator("body")).to_contain_text("declined")
        tab.get_by_role("link", name="Back").first.click()
        expect(tab).to_have_url(re.compile(r"/orders/order_\w+/pay/"))
        tab.get_by_role("button", name=re.compile("Pay")).first.click()
        tab.get_by_role("button", name="4242").click()
        expect(tab.locator("main")).to_contain_text("Confirmed")
    assert shop.broken_invariants() == []


def fill_the_bag(tab: Page, shop: Stack) -> None:
    tab.goto(shop.base_url)
    tab.get_by_role("searchbox").or_(tab.locator("input[name=q]")).first.fill("notebook")
    tab.keyboard.press("Enter")
    tab.get_by_role("link", name=re.compile("Field notebook")).first.click()
    tab.get_by_role("button", name="Add to bag").click()
    if "/cart/" not in tab.url:
        tab.get_by_role("link", name="View bag").click()
    expect(tab.locator("main")).to_contain_text("Field notebook")


def check_out(tab: Page, email: str) -> None:
    tab.get_by_role("link", name="Go to checkout").click()
    for name, value in {
        "email": email,
        "full_name": "Ada Byron",
        "line1": "Am Markt 1",
        "postal_code": "28195",
        "city": "Bremen",
    }.items():
        tab.locator(f"[name={name}]").fill(value)
    tab.get_by_role("button", name="Continue to delivery").click()
    tab.get_by_role("button", name="Continue to review").click()


def total_on_the_button(tab: Page) -> str:
    label = tab.get_by_role("button", name="Order and pay").inner_text()
    match = re.search(r"[\d.,]+", label)
    assert match, label
    return match[0]


def way_back(tab: Page) -> str:
    """The order's page, as the payment page's way back to the shop names it."""
    link = tab.get_by_role("link", name="Back").first.get_attribute("href")
    assert link
    return link.replace("/pay/", "/")


def is_paid(tab: Page, order_page: str) -> bool:
    tab.goto(order_page)
    return "Confirmed" in tab.locator("main").inner_text()


def mail_to(shop: Stack, email: str) -> str:
    for file in (shop.data_dir / "mail").glob("*.log"):
        if f"To: {email}" in (text := file.read_text()):
            return text
    return ""


def check_effects(shop: Stack, before: dict[str, Any], cut: str) -> None:
    """The fault struck, the worker did its part, and there was one charge."""
    after = shop.sandbox_state()
    dropped = after["webhooks"]["dropped"] - before["webhooks"]["dropped"]
    assert after["charges"]["succeeded"] - before["charges"]["succeeded"] == 1
    assert (dropped > 0) == (cut == "webhook cut")
    if cut == "redirect cut":
        assert "payments.tasks.handle_webhooks" in (shop.data_dir / "log" / "worker.log").read_text()
