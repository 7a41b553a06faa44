"""Each event writes its mail once, and a mail server that is away delays it only."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import transaction
from django.utils import timezone

from accounts import operations as accounts
from accounts.models import User
from accounts.tests.factories import UserFactory
from cart import operations as carts
from checkout import operations as checkout
from checkout.tests.factories import ADDRESS, make_cart, make_variant, order_in, place_order
from inventory import operations as inventory
from inventory.models import StockItem
from notifications.handlers import TOPICS, to_buyer
from notifications.models import MailLog
from notifications.queries import MAILS
from orders import operations as orders
from orders.models import Order
from payments import operations as payments
from payments.models import Payment
from payments.tests.sandbox import Sandbox
from pricing.models import Action, Phase
from pricing.tests.factories import coupon, stored_promotion
from shop import outbox
from shop.models import OutboxEvent

from .smtp import MailServer, mail_server

pytestmark = pytest.mark.usefixtures("sound")


def deliver(topic: str) -> None:
    """The topic's events go through the mail's handler twice, as after a worker that died before it marked them."""
    events = OutboxEvent.objects.filter(topic=topic)
    assert events
    for event in list(events) * 2:
        TOPICS[topic](event.payload)


def only_mail() -> Any:
    """The one mail that was written; both of its parts are filled in."""
    assert len(mail.outbox) == 1, [message.subject for message in mail.outbox]
    message: Any = mail.outbox[0]
    for text in (message.body, message.alternatives[0].content):
        assert "{%" not in text and "None" not in text
    return message


def pay(order: Order) -> Order:
    return orders.mark_paid(order, payment_reference="pay_1", now=timezone.now())


def link_in(message: Any) -> str:
    found = re.search(r"http://127\.0\.0\.1:8000/\S+", message.body)
    assert found
    return found[0]


@pytest.mark.parametrize(("method", "words"), [("invoice", "DE02 1203"), ("cod", "when the parcel arrives")])
def test_placed(client: Any, settings: Any, method: str, words: str) -> None:
    settings.SHOP_BANK_ACCOUNT = ["Loam Ltd", "DE02 1203"]
    order = place_order(payment_method=method)
    deliver("order.placed")
    message = only_mail()
    assert message.to == ["ada@example.com"] and order.number in message.subject
    for text in (message.body, message.alternatives[0].content):
        assert words in text and "52.90" in text and "Lindenallee 7" in text
    if method == "invoice":
        assert order.payment_due_at and f"{timezone.localtime(order.payment_due_at):%-d %B}" in message.body
    assert client.get(link_in(message).removeprefix(settings.SHOP_BASE_URL), follow=True).status_code == 200


def test_card_hears_when_paid() -> None:
    order = place_order(payment_method="stripe")
    deliver("order.placed")
    assert mail.outbox == []
    now = timezone.now()
    orders.change_payment_method(order, "invoice", now=now)
    deliver("order.payment_method")
    assert "Please transfer" in only_mail().body


def test_cancelled_before_the_mail_was_written() -> None:
    orders.cancel_order(place_order(), actor="guest", reason="test", now=timezone.now())
    deliver("order.placed")
    assert mail.outbox == []


def test_paid() -> None:
    order = pay(place_order())
    deliver("order.paid")
    assert order.number in only_mail().subject and "We pack it now" in only_mail().body


def test_shipped() -> None:
    order, now = pay(place_order()), timezone.now()
    orders.ship(order, tracking_number="JD014600", actor="test", now=now)
    deliver("order.shipped")
    assert "JD014600" in only_mail().body
    mail.outbox.clear()
    deliver("order.paid")
    assert "We pack it now" not in only_mail().body


def test_delivered() -> None:
    order, now = pay(place_order()), timezone.now()
    orders.ship(order, actor="test", now=now)
    orders.deliver(order, actor="test", now=now)
    deliver("order.delivered")
    message = only_mail()
    assert "has arrived" in message.subject
    assert f"was delivered on {timezone.localtime(now):%-d %B}" in message.body


@pytest.mark.parametrize("is_paid", [True, False])
def test_cancelled(is_paid: bool) -> None:
    order = place_order()
    order = pay(order) if is_paid else order
    orders.cancel_order(order, actor="guest", reason="test", now=timezone.now())
    deliver("order.cancelled")
    assert ("goes back" if is_paid else "Nothing was charged") in only_mail().body


def test_units_that_will_not_come_are_told_from_those_that_will() -> None:
    order = order_in("confirmed", make_variant(stock=4), quantity=3)
    line = order.lines.get()
    orders.cancel_units(order, {line.public_id: 1}, reason="broken", actor="test", now=timezone.now())
    orders.ship(order, actor="test", now=timezone.now())
    deliver("order.shipped")
    message = only_mail()
    for text in (message.body, message.alternatives[0].content):
        assert f"1 of {line.quantity} will not be sent" in text


def test_refunded_and_failed(sandbox: Sandbox) -> None:
    order = place_order(payment_method="stripe")
    payment = payments.start(order, now=timezone.now())
    sandbox.pay(payment)
    payment = payments.settle(payment, now=timezone.now())
    payments.refund(payment, 1000, reason="test", key="one", now=timezone.now())
    deliver("order.refunded")
    assert "10.00" in only_mail().body

    mail.outbox.clear()
    other = place_order(payment_method="stripe")
    payment = payments.start(other, now=timezone.now())
    payload = {"order_id": other.public_id, "payment_id": payment.public_id}
    for _ in range(2):
        TOPICS["payment.failed"](payload)
    message = only_mail()
    assert f"/orders/{other.public_id}/pay/?token=" in message.body
    mail.outbox.clear()
    checkout.end_if_unpaid(other, reason="test", now=timezone.now())
    TOPICS["payment.failed"]({**payload, "payment_id": "pay_2"})
    assert mail.outbox == []


def test_staff_hear_of_a_payment_that_does_not_fit(settings: Any) -> None:
    order = place_order()
    payload = {"order_id": order.public_id, "payment_id": "pay_1", "problem": "another currency"}
    for _ in range(2):
        TOPICS["payment.mismatch"](payload)
    message = only_mail()
    assert message.to == [settings.SHOP_STAFF_EMAIL]
    assert "another currency" in message.body and f"/admin/orders/order/{order.pk}/change/" in message.body


def test_low_stock(settings: Any) -> None:
    many, few = make_variant(stock=100), make_variant(stock=11)
    place_order(many, few)
    deliver("stock.low")
    message = only_mail()
    assert message.to == [settings.SHOP_STAFF_EMAIL]
    assert f"{few.product.name} ({few.sku}): 9 left, threshold 10" in message.body
    assert many.sku not in message.body


def test_low_stock_that_came_in_again_is_no_news() -> None:
    variant = make_variant(stock=11)
    place_order(variant)
    with transaction.atomic():
        inventory.receive(variant.sku, 50, reason="test", actor="test")
    deliver("stock.low")
    assert mail.outbox == []


def test_shortfall_names_the_orders_that_wait(settings: Any) -> None:
    variant = make_variant(stock=3)
    order = place_order(variant)
    item = StockItem.objects.get(sku=variant.sku)
    with transaction.atomic():
        inventory.set_on_hand(item, 1, reason="stock-take", actor="test")
    deliver("stock.shortfall")
    message = only_mail()
    assert message.to == [settings.SHOP_STAFF_EMAIL]
    assert "1 on the shelf, 2 promised, 1 missing" in message.body
    assert f"Order {order.number}: 2 promised" in message.body
    assert f"/admin/inventory/stockitem/{item.pk}/change/" in message.body


def test_shortfall_that_healed_is_no_news() -> None:
    variant = make_variant(stock=3)
    place_order(variant)
    item = StockItem.objects.get(sku=variant.sku)
    with transaction.atomic():
        inventory.set_on_hand(item, 1, reason="stock-take", actor="test")
        inventory.receive(item.sku, 1, reason="delivery", actor="test")
    deliver("stock.shortfall")
    assert mail.outbox == []


def test_long_product_name() -> None:
    variant = make_variant(stock=11, options={"Engraving": "x" * 300})
    place_order(variant)
    deliver("stock.low")
    assert len(only_mail().subject) <= 200


def test_accounts() -> None:
    user = accounts.register("Bea@example.com", "a long pass phrase", request_address="127.0.0.1", now=timezone.now())
    deliver("user.created")
    assert only_mail().to == ["bea@example.com"]

    mail.outbox.clear()
    accounts.update_profile(
        user, asked_by=user, email="bea@example.org", current_password="a long pass phrase", now=timezone.now()
    )  # fmt: skip
    deliver("user.email_changed")
    assert sorted(message.to[0] for message in mail.outbox) == ["bea@example.com", "bea@example.org"]


def test_password_reset(client: Any, settings: Any) -> None:
    user: User = UserFactory.create()
    accounts.start_password_reset(user.email, request_address="127.0.0.1", now=timezone.now())
    TOPICS["password_reset.requested"](OutboxEvent.objects.get(topic="password_reset.requested").payload)
    link = link_in(only_mail())
    assert client.get(link.removeprefix(settings.SHOP_BASE_URL), follow=True).context["validlink"]
    secret = link.rstrip("/").rpartition("/")[2]
    assert secret not in MailLog.objects.get().key


def test_names_are_text_and_no_headers() -> None:
    name = '<script>alert(1)</script> {{ order }} & "Sons"'
    place_order(shipping_address=ADDRESS | {"full_name": name})
    deliver("order.placed")
    message = only_mail()
    assert name in message.body
    html = message.alternatives[0].content
    assert "<script>" not in html and "&lt;script&gt;" in html


def test_each_mail_about_an_order_says_what_and_where() -> None:
    """Number, lines, sums, both addresses, the way to pay, the guest's link, and where to look without it."""
    bill_to = ADDRESS | {"full_name": "Byron GmbH", "line1": "Rechnungsweg 3"}
    order = place_order(billing_address=bill_to)
    for mail_name in MAILS:
        to_buyer(Order.objects.with_details().get(pk=order.pk), mail_name)
    assert len(mail.outbox) == len(MAILS)
    facts = [order.number, "4.90", "52.90", order.lines.get().name, "Cash on delivery"]
    places = ["Ada Byron", "Lindenallee 7", "Byron GmbH", "Rechnungsweg 3", f"?token={order.access_token}"]
    for name, message in zip(MAILS, mail.outbox, strict=True):
        for part in (message.body, message.alternatives[0].content):  # type: ignore[attr-defined]
            assert [text for text in facts + places if text not in part] == [], message.subject
            assert ("/track/" in part) == (name not in {"cancelled", "refunded"})
        assert "List-Unsubscribe" not in message.message()


def test_discounts_stand_where_they_were_taken_off() -> None:
    """The delivery's own discount after the delivery's full price, so that the lines add up to the total."""
    coupon("WELCOME10")
    values = {"action": Action.FREE_SHIPPING, "phase": Phase.SHIPPING, "name": "No freight", "needs_coupon": True}
    coupon("FREESHIP", of=stored_promotion(**values))
    cart = make_cart(make_variant(price_minor=2400))
    for code in ("WELCOME10", "FREESHIP"):
        cart = carts.add_coupon(cart, code, now=timezone.now())
    order = place_order(cart=cart)
    assert (order.discount_minor, order.shipping_minor) == (480, 0)
    deliver("order.placed")
    lines = only_mail().body.splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("WELCOME10"))
    assert lines[start : start + 4] == [
        "WELCOME10: -€4.80", "Delivery, Standard delivery: €4.90", "No freight (FREESHIP): -€4.90",
        "Total: €43.20 (including €6.90 VAT)",
    ]  # fmt: skip


def test_the_bill_goes_to_the_same_address_unless_told_otherwise() -> None:
    place_order()
    deliver("order.placed")
    assert "Bill to" not in only_mail().body


# --- The mail server


@pytest.fixture
def smtp(settings: Any, transactional_db: None) -> Iterator[MailServer]:
    with mail_server() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        yield server


def test_mail_server_that_refuses_delays_the_mail_and_nothing_else(smtp: MailServer) -> None:
    order = place_order(make_variant(stock=100))
    smtp.refusals = 2
    now = timezone.now()
    for minutes in (0, 1, 2):
        outbox.relay(now + timedelta(minutes=minutes))
        assert len(smtp.received) == (minutes == 2)
    assert smtp.refused == 2
    event = OutboxEvent.objects.get(topic="order.placed")
    assert (event.state, event.attempts) == ("done", 3)
    for minutes in (5, 60):
        outbox.relay(now + timedelta(minutes=minutes))
    message = smtp.received[0]
    assert len(smtp.received) == 1
    assert order.number in message["Subject"]
    assert re.fullmatch(r"<[0-9a-f]{32}@example\.com>", message["Message-ID"])
    assert MailLog.objects.get().sent_at


def test_crash_between_sending_and_marking_repeats_the_same_message_id(smtp: MailServer) -> None:
    place_order(make_variant(stock=100))
    outbox.relay(timezone.now())
    MailLog.objects.update(sent_at=None)
    TOPICS["order.placed"](OutboxEvent.objects.get(topic="order.placed").payload)
    first, second = smtp.received
    assert first["Message-ID"] == second["Message-ID"]


def test_money_that_is_set_aside(sandbox: Sandbox, settings: Any) -> None:
    """The buyer hears of the order when it is confirmed, not only when a parcel takes the money days later."""
    settings.SHOP_CAPTURE = "manual"
    order = place_order(payment_method="stripe")
    payment = payments.start(order, now=timezone.now())
    deliver("order.placed")
    assert not mail.outbox
    sandbox.pay(payment)
    payments.settle(payment, now=timezone.now())
    deliver("order.placed")
    deliver("order.confirmed")
    assert "is set aside on your card and taken when the parcel leaves" in " ".join(only_mail().body.split())

    mail.outbox.clear()
    orders.cancel_order(Order.objects.get(), actor="guest", reason="test", now=timezone.now())
    deliver("order.cancelled")
    assert "what was set aside on your card is released" in " ".join(only_mail().body.split())


def test_no_mail_is_lost_for_money(smtp: MailServer, sandbox: Sandbox) -> None:
    """Cancelling gives the money back even while no mail can be sent."""
    order = place_order(make_variant(stock=100), payment_method="stripe")
    payment = payments.start(order, now=timezone.now())
    sandbox.pay(payment)
    payments.settle(payment, now=timezone.now())
    outbox.relay(timezone.now())
    orders.cancel_order(order, actor="guest", reason="test", now=timezone.now())
    smtp.refusals = 1
    outbox.relay(timezone.now())
    assert Payment.objects.get().refunded_minor == order.total_minor
    for minutes in (5, 10):
        outbox.relay(timezone.now() + timedelta(minutes=minutes))
    subjects = [message["Subject"] for message in smtp.received]
    number = order.number
    assert sorted(subjects) == sorted(
        [f"Order {number} is paid", f"Order {number} is cancelled", f"Refund for order {number}"]
    )
