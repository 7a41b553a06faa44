from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import Field, StrictInt

from pricing.schemas import DiscountAnswer
from shop.api import Answer, Body, Line, Quantity, Text
from shop.money import to_number

from . import queries
from .models import Order, OrderLine, Return, Shipment

Statuses = Literal["pending", "confirmed", "processing", "shipped", "delivered", "cancelled"]


class OrderAddress(Answer):
    full_name: str = ""
    line1: str = ""
    line2: str = ""
    city: str = ""
    region: str = ""
    postal_code: str = ""
    country: str = ""
    phone: str = ""


class OrderItemAnswer(Answer):
    item_id: str
    product_id: str
    variant_id: str
    sku: str
    name: str
    price: float
    quantity: int
    cancelled_quantity: int = Field(description="Of these, units that will not be sent after all.")
    subtotal: float

    @classmethod
    def of(cls, line: OrderLine, currency: str) -> "OrderItemAnswer":
        return cls(
            item_id=line.public_id,
            product_id=line.variant.product.public_id,
            variant_id=line.variant.public_id,
            sku=line.sku,
            name=line.name,
            price=to_number(line.unit_price_minor, currency),
            quantity=line.quantity,
            cancelled_quantity=line.cancelled_quantity,
            subtotal=to_number(line.subtotal_minor, currency),
        )


class ShipmentItemAnswer(Answer):
    item_id: str
    quantity: int


class ShipmentAnswer(Answer):
    shipment_id: str
    status: str
    carrier: str
    tracking_number: str
    tracking_url: str
    items: list[ShipmentItemAnswer]
    replaces: str | None = Field(description="The lost parcel whose contents this one brings again.")
    shipped_at: datetime | None
    delivered_at: datetime | None
    lost_at: datetime | None

    @classmethod
    def of(cls, shipment: Shipment) -> "ShipmentAnswer":
        return cls(
            shipment_id=shipment.public_id,
            status=shipment.status,
            carrier=shipment.carrier,
            tracking_number=shipment.tracking_number,
            tracking_url=shipment.tracking_url,
            items=[
                ShipmentItemAnswer(item_id=line.order_line.public_id, quantity=line.quantity)
                for line in shipment.lines.all()
            ],
            replaces=shipment.replaces.public_id if shipment.replaces else None,
            shipped_at=shipment.shipped_at,
            delivered_at=shipment.delivered_at,
            lost_at=shipment.lost_at,
        )


class EstimatedDelivery(Answer):
    """The days that the buyer was told when the order was placed."""

    first: date
    last: date

    @classmethod
    def of(cls, order: Order) -> "EstimatedDelivery | None":
        if order.delivery_first is None or order.delivery_last is None:
            return None
        return cls(first=order.delivery_first, last=order.delivery_last)


class OrderAnswer(Answer):
    order_id: str
    number: str
    user_id: str | None
    status: str
    payment_status: str
    fulfillment_status: str
    items: list[OrderItemAnswer]
    subtotal: float
    discount_total: float
    discounts: list[DiscountAnswer]
    shipping_total: float
    tax_total: float
    total: float
    total_minor: int
    currency: str
    shipping_address: OrderAddress
    billing_address: OrderAddress
    payment_method: str
    shipping_method: str
    estimated_delivery: EstimatedDelivery | None
    pickup_address: str
    tracking_number: str
    shipments: list[ShipmentAnswer]
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, order: Order) -> "OrderAnswer":
        """Reads prefetched rows alone: see `Order.objects.with_details()`."""
        return cls(**cls.values(order))

    @staticmethod
    def values(order: Order) -> dict[str, Any]:
        def number(minor: int) -> float | int:
            return to_number(minor, order.currency)

        return {
            "order_id": order.public_id,
            "number": order.number,
            "user_id": order.user.public_id if order.user else None,
            "status": order.status,
            "payment_status": order.payment_status,
            "fulfillment_status": order.fulfillment_status,
            "items": [OrderItemAnswer.of(line, order.currency) for line in order.lines.all()],
            "subtotal": number(order.subtotal_minor),
            "discount_total": number(order.discount_minor),
            "discounts": [DiscountAnswer.of(each, order.currency) for each in order.applied],
            "shipping_total": number(order.shipping_minor),
            "tax_total": number(order.tax_minor),
            "total": number(order.total_minor),
            "total_minor": order.total_minor,
            "currency": order.currency,
            "shipping_address": OrderAddress(**order.shipping_address),
            "billing_address": OrderAddress(**order.billing_address),
            "payment_method": order.payment_method,
            "shipping_method": order.shipping_method,
            "estimated_delivery": EstimatedDelivery.of(order),
            "pickup_address": order.pickup_address,
            "tracking_number": order.tracking_number,
            "shipments": [ShipmentAnswer.of(shipment) for shipment in order.shipments.all()],
            "created_at": order.placed_at,
            "updated_at": order.updated_at,
        }


class StatusBody(Body):
    status: Statuses
    tracking_number: Annotated[Line, Field(max_length=100)] = ""
    carrier: Annotated[Line, Field(max_length=60)] = ""


class UnitsBody(Body):
    item_id: Annotated[Line, Field(min_length=1, max_length=80)]
    quantity: Quantity


class ShipmentBody(Body):
    items: Annotated[list[UnitsBody], Field(min_length=1, max_length=500)] | None = Field(
        None, description="Absent: every unit that is in no parcel yet."
    )
    status: Literal["pending", "packed", "shipped"] = "shipped"
    tracking_number: Annotated[Line, Field(max_length=100)] = ""
    carrier: Annotated[Line, Field(max_length=60)] = ""

    @property
    def quantities(self) -> dict[str, int] | None:
        return None if self.items is None else units_of(self.items)


class ShipmentChangeBody(Body):
    status: Literal["packed", "shipped", "delivered", "lost"] | None = None
    tracking_number: Annotated[Line, Field(max_length=100)] | None = None
    carrier: Annotated[Line, Field(max_length=60)] | None = None


class TrackingBody(Body):
    tracking_number: Annotated[Line, Field(max_length=100)] = ""
    carrier: Annotated[Line, Field(max_length=60)] = ""


class ReturnItemAnswer(Answer):
    item_id: str
    quantity: int
    reason: str
    disposition: str | None = Field(description="What became of the units that came back.")


class ReturnAnswer(Answer):
    return_id: str
    status: str
    items: list[ReturnItemAnswer]
    note: str
    answer: str = Field(description="Why it was rejected.")
    refund_id: str | None
    requested_at: datetime
    decided_at: datetime | None
    received_at: datetime | None
    refunded_at: datetime | None

    @classmethod
    def of(cls, made: Return) -> "ReturnAnswer":
        return cls(
            return_id=made.public_id,
            status=made.status,
            items=[
                ReturnItemAnswer(
                    item_id=line.order_line.public_id,
                    quantity=line.quantity,
                    reason=line.reason,
                    disposition=line.disposition or None,
                )
                for line in made.lines.all()
            ],
            note=made.note,
            answer=made.answer,
            refund_id=made.refund_id or None,
            requested_at=made.requested_at,
            decided_at=made.decided_at,
            received_at=made.received_at,
            refunded_at=made.refunded_at,
        )


class ReturnItemBody(UnitsBody):
    reason: Literal["changed_mind", "does_not_fit", "not_as_described", "damaged", "wrong_item", "other"]


class ReturnBody(Body):
    items: Annotated[list[ReturnItemBody], Field(min_length=1, max_length=500)]
    note: Annotated[Text, Field(max_length=1000)] = ""


class ReceivedItemBody(Body):
    item_id: Annotated[Line, Field(min_length=1, max_length=80)]
    quantity: Annotated[StrictInt, Field(ge=0, le=2**31 - 1)] | None = Field(
        None, description="How many came; absent: all that were announced."
    )
    disposition: Literal["restock", "damaged", "discard"] = "restock"


class ReturnChangeBody(Body):
    status: Literal["approved", "rejected", "received"]
    reason: Annotated[Line, Field(max_length=500)] = Field("", description="With `rejected`: for the buyer.")
    items: Annotated[list[ReceivedItemBody], Field(max_length=500)] = Field(
        [], description="With `received`: what came, and what becomes of it."
    )


def units_of(items: Iterable[UnitsBody]) -> dict[str, int]:
    """Summed, where a line is named twice."""
    units: Counter[str] = Counter()
    for item in items:
        units[item.item_id] += item.quantity
    return dict(units)


class TrackBody(Body):
    number: Annotated[Line, Field(min_length=1, max_length=30)]
    email: Annotated[Line, Field(min_length=1, max_length=254)]


class TimelineAnswer(Answer):
    event: str
    at: datetime


class TrackingAnswer(Answer):
    """Where an order is: no address, no payment, and of the articles only how many are in which parcel."""

    number: str
    status: str
    placed_at: datetime
    timeline: list[TimelineAnswer]
    shipments: list[ShipmentAnswer]

    @classmethod
    def of(cls, order: Order) -> "TrackingAnswer":
        return cls(
            number=order.number,
            status=order.status,
            placed_at=order.placed_at,
            timeline=[TimelineAnswer(event=event.type, at=event.created_at) for event in queries.told(order)],
            shipments=[ShipmentAnswer.of(shipment) for shipment in order.shipments.all()],
        )
