"""Each parcel has its mail, which names what is in it; who collects reads of no parcel; returns are answered."""

from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from notifications.queries import earned
from orders import operations as orders
from orders.models import Order
from orders.tests.factories import ACTOR, arrive, order_of_two_lines, send, want_back

from .test_mails import deliver, only_mail

pytestmark = pytest.mark.usefixtures("sound")


def texts() -> list[str]:
    message = only_mail()
    mail.outbox.clear()
    return [message.subject, message.body, message.alternatives[0].content]


def test_each_parcel_has_its_mail() -> None:
    order = order_of_two_lines()
    first, second = order.lines.all()
    parcel = send(order, 2, carrier="DHL", tracking_number="JD1")
    deliver("order.partly_shipped")
    subject, *bodies = texts()
    assert subject == f"A part of order {order.number} is on its way"
    for body in bodies:
        intro = body.partition("The rest follows")[0]
        assert first.name in intro and second.name not in intro and "JD1" in intro
    arrive(order, parcel)
    deliver("order.partly_delivered")
    assert texts()[0] == f"A part of order {order.number} has arrived"
    send(order)
    deliver("order.shipped")
    subject, *bodies = texts()
    assert subject == f"Order {order.number} is on its way"
    assert all("The rest follows" not in body and "JD1" not in body for body in bodies)
    order.refresh_from_db()
    assert "shipped" in earned(order)


def test_a_replacement_says_why_it_comes() -> None:
    order = order_of_two_lines("shipped")
    lost = orders.lose(order.shipments.get(), actor=ACTOR, now=timezone.now())
    orders.replace(lost, tracking_number="JD2", actor=ACTOR, now=timezone.now())
    deliver("order.parcel_replaced")
    subject, body, _ = texts()
    assert "a new parcel is on its way" in subject and "The carrier lost" in body and "JD2" in body


def test_what_is_back_already_is_not_asked_for() -> None:
    order = order_of_two_lines("delivered")
    [line, _] = order.lines.all()
    made = orders.request_return(
        order, [orders.ReturnItem(line.public_id, 1, "other")], actor=ACTOR, now=timezone.now()
    )
    orders.approve_return(made, actor=ACTOR, now=timezone.now())
    orders.receive_return(made, {line.public_id: "restock"}, actor=ACTOR, now=timezone.now())
    deliver("return.requested")
    deliver("return.approved")
    assert not mail.outbox


def test_who_collects_reads_of_no_parcel() -> None:
    order = order_of_two_lines()
    Order.objects.filter(pk=order.pk).update(pickup_address="Loam\nHafenstrasse 1")
    parcel = send(order)
    deliver("order.shipped")
    subject, *bodies = texts()
    assert subject == f"Order {order.number} is ready to collect"
    assert all("arcel" not in body and "Hafenstrasse 1" in body for body in bodies)
    arrive(order, parcel)
    deliver("order.delivered")
    subject, *bodies = texts()
    assert subject == f"You have collected order {order.number}"
    assert all("arcel" not in body for body in bodies)


def test_a_return_is_asked_for_and_answered(settings: Any) -> None:
    settings.SHOP_RETURN_ADDRESS = ["Loam returns", "Lagerweg 9"]
    order = order_of_two_lines("delivered")
    made = want_back(order, 2, note="Too small.")
    deliver("return.requested")
    message = only_mail()
    assert message.to == [settings.SHOP_STAFF_EMAIL] and "Too small." in message.body
    assert f"/admin/orders/order/{order.pk}/change/" in message.body
    mail.outbox.clear()
    orders.approve_return(made, actor=ACTOR, now=timezone.now())
    deliver("return.approved")
    for body in texts()[1:]:
        assert "Lagerweg 9" in body and order.number in body and "changed my mind" in body


def test_a_rejection_tells_why() -> None:
    made = want_back(order_of_two_lines("delivered"), 1)
    orders.reject_return(made, reason="It was worn for a month.", actor=ACTOR, now=timezone.now())
    deliver("return.rejected")
    assert all("It was worn for a month." in body for body in texts()[1:])
