"""Changes to an order: what they come to, who may make them, and that the books still balance."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.tests.clients import ApiClient
from accounts.tests.factories import StaffFactory, UserFactory
from checkout import edits
from checkout.edits import Outcome, Wish
from checkout.errors import EditNeedsOrder, NotDeliverable, NotEditable
from inventory.errors import InsufficientStock
from inventory.models import StockItem
from orders import operations as orders
from orders.models import Order
from payments import operations as payments
from payments.models import Payment
from payments.tests.sandbox import Sandbox
from pricing.errors import PriceChanged
from pricing.models import Coupon
from pricing.tests.factories import coupon
from shipping.models import ShippingMethod
from shop import outbox
from shop.errors import InvalidInput

from .factories import ADDRESS, make_cart, make_variant, place_order, reprice

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sound")]


def make(order: Order, *, address: dict[str, str] | None = None, by_staff: bool = False, **units: Any) -> Outcome:
    """As it is shown first."""
    wish, now = Wish(units, address, "guest", by_staff=by_staff), timezone.now()
    shown = edits.preview(order, wish, now=now)
    made = edits.edit(order, wish, shown_difference_minor=shown.difference_minor, now=now)
    assert (made.difference_minor, made.lines) == (shown.difference_minor, shown.lines)
    order.refresh_from_db()
    return made


def unpaid(*skus: str, **values: Any) -> Order:
    """By bank transfer: two of each at 24.00, delivered for 4.90 below 50.00."""
    variants = [make_variant(sku=sku) for sku in skus or ("MUG",)]
    order = place_order(*variants, **{"payment_method": "invoice"} | values)
    payments.start(order, now=timezone.now())
    return order


def paid(*skus: str, **values: Any) -> Order:
    order = unpaid(*skus, **values)
    payments.record_manual_payment(order, actor="test", now=timezone.now())
    order.refresh_from_db()
    return order


def reserved(sku: str = "MUG") -> int:
    return StockItem.objects.get(sku=sku).reserved


def relay() -> None:
    outbox.relay(timezone.now() + timedelta(minutes=1))


# --- Nobody has paid


def test_more_of_an_article_and_another_one_beside_it() -> None:
    order = unpaid()
    make_variant(sku="BOWL", price_minor=1000)
    made = make(order, MUG=3, BOWL=1)
    # Three mugs and a bowl are 82.00, and are delivered free.
    assert (order.total_minor, made.difference_minor) == (8200, 8200 - 5290)
    assert (reserved(), reserved("BOWL")) == (3, 1)
    assert {line.sku: line.quantity for line in order.lines.all()} == {"MUG": 3, "BOWL": 1}
    open_payment = order.payments.unsettled().get()
    assert open_payment.amount_minor == 8200
    assert order.payments.filter(status=Payment.Status.VOIDED).count() == 1
    event = order.events.get(type="edited")
    assert event.payload["before"]["lines"] == {"MUG": 2}
    assert event.payload["after"] == {
        "lines": {"MUG": 3, "BOWL": 1},
        "shipping_minor": 0,
        "total_minor": 8200,
        "place": {"country": "DE", "region": "", "postal_code": "10115"},
    }
    assert "Lindenallee" not in str(event.payload)


def test_less_and_none_of_an_article() -> None:
    order = unpaid("MUG", "BOWL")
    make(order, MUG=0, BOWL=1)
    assert (order.total_minor, order.shipping_minor) == (2400 + 490, 490)
    assert (reserved("MUG"), reserved("BOWL")) == (0, 1)


def test_what_stays_keeps_its_price_and_what_is_new_has_today_s() -> None:
    mug, bowl = make_variant(sku="MUG"), make_variant(sku="BOWL")
    order = place_order(mug, payment_method="invoice")
    reprice(mug, 9900)
    reprice(bowl, 100)
    kept = order.lines.get().public_id
    make(order, BOWL=1, MUG=1)
    assert {line.sku: line.unit_price_minor for line in order.lines.all()} == {"MUG": 2400, "BOWL": 100}
    assert order.lines.get(sku="MUG").public_id == kept


def test_a_coupon_counts_for_what_is_there_now_and_is_used_once() -> None:
    coupon("WELCOME10", usage_limit=1)
    order = place_order(cart=make_cart(make_variant(sku="MUG")), payment_method="invoice", coupon_code="WELCOME10")
    assert order.discount_minor == 480
    make(order, MUG=3)
    assert order.discount_minor == 720
    make(order, MUG=1)
    assert (order.discount_minor, Coupon.objects.get().used) == (240, 1)


def test_another_address_is_another_tax_and_goes_on_the_invoice() -> None:
    order = unpaid()
    relay()
    make(order, address=ADDRESS | {"full_name": "Ada Lovelace", "city": "Wien", "postal_code": "1010", "country": "AT"})
    relay()
    assert str(order.lines.get().tax_rate) == "0.20000"
    documents = [(each.kind, each.buyer["lines"][0]) for each in order.invoices.all()]
    assert documents == [
        ("invoice", "Ada Byron"), ("credit_note", "Ada Byron"), ("invoice", "Ada Lovelace"),
    ]  # fmt: skip
    assert [each.edition for each in order.invoices.filter(kind="invoice")] == [1, 2]


def test_the_same_again_changes_nothing() -> None:
    order = unpaid()
    make(order, MUG=1)
    assert make(order, MUG=1).difference_minor == 0
    assert order.events.filter(type="edited").count() == 1


def test_a_preview_changes_nothing() -> None:
    order = unpaid()
    edits.preview(order, Wish({"MUG": 1}, None, "guest"), now=timezone.now())
    order.refresh_from_db()
    assert (order.total_minor, reserved()) == (5290, 2)
    assert not order.events.filter(type="edited").exists()


@pytest.mark.parametrize(
    ("units", "error"),
    [
        ({"MUG": 11}, InsufficientStock),
        ({"MUG": 21}, InvalidInput),
        ({"MUG": 0}, InvalidInput),
        ({"NONE": 1}, InvalidInput),
    ],
)
def test_what_can_t_be_had_leaves_all_as_it_was(units: dict[str, Any], error: type[Exception]) -> None:
    order = unpaid()
    with pytest.raises(error):
        make(order, **units)
    order.refresh_from_db()
    assert (order.total_minor, reserved(), order.payments.unsettled().count()) == (5290, 2, 1)


def test_where_nothing_of_ours_goes() -> None:
    order = unpaid()
    ShippingMethod.objects.update(countries=["DE"])
    with pytest.raises(NotDeliverable):
        make(order, address=ADDRESS | {"country": "AT", "postal_code": "1010"})


def test_a_difference_that_was_not_shown_is_refused_and_the_payment_stays_open() -> None:
    order = unpaid()
    with pytest.raises(PriceChanged):
        edits.edit(order, Wish({"MUG": 1}, None, "guest"), shown_difference_minor=-1, now=timezone.now())
    assert order.payments.unsettled().get().amount_minor == 5290


# --- Everything is paid


def test_less_of_a_paid_order_goes_back_with_a_credit_note() -> None:
    order = paid("MUG", "BOWL")
    relay()
    made = make(order, MUG=1, BOWL=0)
    assert made.difference_minor == -7200
    payment = order.payments.get()
    assert (payment.refunded_minor, order.payment_status) == (7200, "partially_refunded")
    assert (reserved("MUG"), reserved("BOWL")) == (1, 0)
    # The event comes after the refund, and finds it made.
    relay()
    assert payment.refunds.count() == 1
    note = order.invoices.get(kind="credit_note")
    assert (note.total_minor, note.refund_id) == (7200, payment.refunds.get().public_id)
    orders.ship(order, actor="test", now=timezone.now())
    assert [line.quantity for line in order.shipments.get().lines.all()] == [1]


def test_a_refund_that_the_request_did_not_make_is_made_by_the_event(monkeypatch: pytest.MonkeyPatch) -> None:
    order = paid()
    with monkeypatch.context() as patch:
        patch.setattr(edits, "refund", lambda *_, **__: None)
        make(order, MUG=1)
    assert order.payments.get().refunded_minor == 0
    relay()
    assert order.payments.get().refunded_minor == 2400


@pytest.mark.parametrize("units", [{"MUG": 3}, {"BOWL": 1}])
def test_more_of_a_paid_order_is_another_order(units: dict[str, Any]) -> None:
    make_variant(sku="BOWL")
    with pytest.raises(EditNeedsOrder):
        make(paid(), **units)


def test_a_paid_parcel_goes_next_door_but_not_abroad() -> None:
    order = paid()
    make(order, address=ADDRESS | {"line1": "Lindenallee 9"})
    assert order.shipping_address["line1"] == "Lindenallee 9"
    assert order.billing_address["line1"] == "Lindenallee 7"
    with pytest.raises(EditNeedsOrder):
        make(order, address=ADDRESS | {"country": "AT", "postal_code": "1010"})


# --- Who, and until when


def test_buyers_have_minutes_and_staff_until_it_is_packed(settings: Any) -> None:
    settings.SHOP_EDIT_MINUTES = 0
    order = paid()
    with pytest.raises(NotEditable):
        make(order, MUG=1)
    make(order, MUG=1, by_staff=True)
    orders.ship(order, actor="test", now=timezone.now())
    with pytest.raises(NotEditable):
        make(order, MUG=0, by_staff=True)


@pytest.mark.parametrize("end", ["cancelled", "processing"])
def test_an_order_that_is_over_or_being_packed_stays(end: str) -> None:
    order = paid()
    orders.set_status(order, end, actor="test", now=timezone.now())
    with pytest.raises(NotEditable):
        make(order, MUG=1)


def test_through_the_api() -> None:
    anna = UserFactory.create()
    order = unpaid(user=anna)
    api, path = ApiClient.of(anna), f"/orders/{order.public_id}/edits"
    body = {"items": [{"sku": "MUG", "quantity": 1}]}
    shown = api.post(f"{path}/preview", body).json()["data"]
    assert (shown["differenceMinor"], shown["totalMinor"], shown["difference"]) == (-2400, 2890, -24)
    assert shown["items"][0] == {
        "sku": "MUG", "name": shown["items"][0]["name"], "price": 24, "quantityBefore": 2, "quantity": 1,
    }  # fmt: skip
    wrong = api.post(path, body | {"expectedDifferenceMinor": -1})
    assert (wrong.status_code, wrong.json()["code"]) == (409, "price_changed")
    answers = [api.post(path, body | {"expectedDifferenceMinor": -2400}, Idempotency_Key="k") for _ in range(2)]
    assert [each.status_code for each in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    assert answers[0].json()["data"]["order"]["totalMinor"] == 2890
    assert answers[0].json()["data"]["payment"]["status"] == "pending"


def test_another_s_order_is_missing_and_staff_need_the_permission() -> None:
    order = unpaid(user=UserFactory.create())
    path = f"/orders/{order.public_id}/edits/preview"
    body = {"items": [{"sku": "MUG", "quantity": 1}]}
    for stranger in (UserFactory.create(), StaffFactory.create(permissions=["orders.view_order"])):
        assert ApiClient.of(stranger).post(path, body).status_code == 404
    assert ApiClient().post(path, body).status_code == 404
    staff = StaffFactory.create(permissions=["orders.change_order"])
    Order.objects.filter(pk=order.pk).update(placed_at=timezone.now() - timedelta(hours=2))
    assert ApiClient.of(staff).post(path, body).status_code == 200
    assert ApiClient(order.access_token).post(path, body).json()["code"] == "not_editable"


def test_the_page_shows_the_difference_and_then_makes_it() -> None:
    order = unpaid("MUG", "BOWL")
    browser, address = Client(), f"/checkout/edit/{order.public_id}/"
    assert address in browser.get(f"{order.get_absolute_url()}?token={order.access_token}&tried=1").content.decode()
    assert Client().get(address).status_code == 404
    page = browser.get(f"{address}?token={order.access_token}").content.decode()
    names = [f"quantity_{line.public_id}" for line in order.lines.all()]
    assert all(name in page for name in names)
    form = {"token": order.access_token, names[0]: "1", names[1]: "0", **order.shipping_address}
    shown = browser.post(address, form)
    # One mug at 24.00 and 4.90 of delivery, instead of four articles delivered free.
    assert 'value="-6710"' in shown.content.decode()
    order.refresh_from_db()
    assert order.total_minor == 9600
    refused = browser.post(address, form | {"make": "1", "shown_difference": "-1"})
    assert 'value="-6710"' in refused.content.decode()
    made = browser.post(address, form | {"make": "1", "shown_difference": "-6710"})
    assert (made.status_code, made["Location"]) == (302, f"{order.get_absolute_url()}?token={order.access_token}")
    order.refresh_from_db()
    assert order.total_minor == 2890


def test_the_page_of_an_order_that_stays_leads_back() -> None:
    order = paid()
    orders.ship(order, actor="test", now=timezone.now())
    answer = Client().get(f"/checkout/edit/{order.public_id}/?token={order.access_token}")
    assert answer.status_code == 302


def test_a_card_s_open_page_is_closed_before_the_total_changes(sandbox: Sandbox) -> None:
    order = place_order(make_variant(sku="MUG"), payment_method="stripe")
    old = payments.start(order, now=timezone.now())
    make(order, MUG=1)
    old.refresh_from_db()
    assert old.status == "voided"
    new = order.payments.unsettled().get()
    assert new.amount_minor == order.total_minor == 2890
    assert sandbox.pay(new).status_code == 303
    payments.settle(new, now=timezone.now())
    order.refresh_from_db()
    assert (order.payment_status, order.status) == ("paid", "confirmed")


def test_a_card_that_was_paid_meanwhile_is_settled_and_the_edit_is_one_of_a_paid_order(sandbox: Sandbox) -> None:
    order = place_order(make_variant(sku="MUG"), payment_method="stripe")
    payment = payments.start(order, now=timezone.now())
    assert sandbox.pay(payment).status_code == 303
    wish, now = Wish({"MUG": 3}, None, "guest"), timezone.now()
    shown = edits.preview(order, wish, now=now).difference_minor
    with pytest.raises(EditNeedsOrder):
        edits.edit(order, wish, shown_difference_minor=shown, now=now)
    order.refresh_from_db()
    assert (order.payment_status, order.total_minor) == ("paid", 5290)
