"""What can be subscribed to, and how each message comes by its data. docs/operations/webhooks.md has the same table."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from accounts.models import User
from accounts.schemas import UserAnswer
from catalog.models import Product
from catalog.schemas import ProductAnswer, product_answers
from inventory.models import StockItem
from inventory.schemas import InventoryAnswer
from orders.models import Order, Return
from orders.schemas import OrderAnswer
from payments.models import Refund
from reviews.models import Review
from reviews.schemas import ReviewAnswer
from shop.api import Answer

from .schemas import InvoiceIssuedAnswer, LowStockAnswer, OrderReturnAnswer, RefundAnswer

Payload = dict[str, Any]


@dataclass(frozen=True)
class Topic:
    """`compose` answers the public id of what the message is about, and its data as `schema` has them.

    It reads what is true when the message is written, seconds after the event; it raises ObjectDoesNotExist for what is
    gone by then.
    """

    says: str
    schema: type[Answer]
    compose: Callable[[Payload], tuple[str, Answer]]


def order(payload: Payload) -> tuple[str, OrderAnswer]:
    found = Order.objects.with_details().get(public_id=payload["order_id"])
    return found.public_id, OrderAnswer.of(found)


def refund(payload: Payload) -> tuple[str, RefundAnswer]:
    found = Refund.objects.select_related("payment__order").get(public_id=payload["refund_id"])
    return found.payment.order.public_id, RefundAnswer.of(found)


def returned(payload: Payload) -> tuple[str, OrderReturnAnswer]:
    made = Return.objects.select_related("order").prefetch_related("lines__order_line")
    found = made.get(public_id=payload["return_id"])
    return found.order.public_id, OrderReturnAnswer.about(found)


def invoice(payload: Payload) -> tuple[str, InvoiceIssuedAnswer]:
    order_id = payload["order_id"]
    return order_id, InvoiceIssuedAnswer(order_id=order_id, invoice_id=payload["invoice_id"])


def product(payload: Payload) -> tuple[str, ProductAnswer]:
    found = Product.objects.with_details().get(pk=payload["product_id"])
    return found.public_id, product_answers([found])[0]


def low_stock(payload: Payload) -> tuple[str, LowStockAnswer]:
    items = StockItem.objects.filter(sku__in=payload["skus"]).order_by("sku", "id")
    return "", LowStockAnswer(items=[InventoryAnswer.of(item) for item in items])


def review(payload: Payload) -> tuple[str, ReviewAnswer]:
    found = Review.objects.select_related("product", "user").get(public_id=payload["review_id"])
    return found.public_id, ReviewAnswer.of(found)


def user(payload: Payload) -> tuple[str, UserAnswer]:
    found = User.objects.get(public_id=payload["user_id"])
    return found.public_id, UserAnswer.of(found, found.addresses.all())


TOPICS = {
    "order.placed": Topic("An order was placed, paid or not", OrderAnswer, order),
    "order.confirmed": Topic("It is paid, or due at the door", OrderAnswer, order),
    "order.paid": Topic("All of the money is there", OrderAnswer, order),
    "order.edited": Topic("It was changed: its articles, its address, its total", OrderAnswer, order),
    "order.partly_shipped": Topic("A parcel was handed to the carrier, another one follows", OrderAnswer, order),
    "order.shipped": Topic("All of it was handed to the carrier", OrderAnswer, order),
    "order.partly_delivered": Topic("A parcel has arrived, another one is still missing", OrderAnswer, order),
    "order.delivered": Topic("All of it has arrived", OrderAnswer, order),
    "order.units_cancelled": Topic("Units of it will not be sent after all", OrderAnswer, order),
    "order.cancelled": Topic("Nothing will be sent", OrderAnswer, order),
    "order.refunded": Topic("Money went back", RefundAnswer, refund),
    "return.requested": Topic("A buyer wants to send units back", OrderReturnAnswer, returned),
    "return.approved": Topic("The buyer may send them", OrderReturnAnswer, returned),
    "return.rejected": Topic("The buyer may not", OrderReturnAnswer, returned),
    "return.received": Topic("The units came back and are booked", OrderReturnAnswer, returned),
    "return.refunded": Topic("Their money went back", OrderReturnAnswer, returned),
    "invoice.issued": Topic("An invoice or a credit note was written", InvoiceIssuedAnswer, invoice),
    "payment.failed": Topic("An attempt to pay ended without money", OrderAnswer, order),
    "product.created": Topic("A product was put into the catalogue", ProductAnswer, product),
    "stock.low": Topic("Articles fell to their threshold", LowStockAnswer, low_stock),
    "review.published": Topic("A review is shown", ReviewAnswer, review),
    "user.created": Topic("Somebody made an account", UserAnswer, user),
}
