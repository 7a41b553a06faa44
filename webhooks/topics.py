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
from orders.models import Order
from orders.schemas import OrderAnswer
from payments.models import Refund
from reviews.models import Review
from reviews.schemas import ReviewAnswer
from shop.api import Answer

from .schemas import LowStockAnswer, RefundAnswer

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
    "order.shipped": Topic("A parcel was handed to the carrier", OrderAnswer, order),
    "order.delivered": Topic("It has arrived", OrderAnswer, order),
    "order.cancelled": Topic("Nothing will be sent", OrderAnswer, order),
    "order.refunded": Topic("Money went back", RefundAnswer, refund),
    "payment.failed": Topic("An attempt to pay ended without money", OrderAnswer, order),
    "product.created": Topic("A product was put into the catalogue", ProductAnswer, product),
    "stock.low": Topic("Articles fell to their threshold", LowStockAnswer, low_stock),
    "review.published": Topic("A review is shown", ReviewAnswer, review),
    "user.created": Topic("Somebody made an account", UserAnswer, user),
}
