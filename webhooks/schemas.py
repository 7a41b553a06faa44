"""The JSON contract of webhooks: what is sent, and what the log answers. A message's data are the API's own answers."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from inventory.schemas import InventoryAnswer
from orders.models import Return
from orders.schemas import ReturnAnswer
from payments.models import Refund
from shop.api import Answer, Body
from shop.money import to_number
from shop.paging import CursorQuery

from .models import Delivery, Endpoint

States = Delivery.State


class Message(Answer):
    """What is sent. `timestamp`: when it happened; the header's is when it was sent."""

    type: str
    timestamp: datetime
    data: dict[str, Any]


class RefundAnswer(Answer):
    refund_id: str
    order_id: str
    amount: float | int
    amount_minor: int
    currency: str
    reason: str
    status: str
    created_at: datetime

    @classmethod
    def of(cls, refund: Refund) -> "RefundAnswer":
        """Of a refund read with its payment and order."""
        currency = refund.payment.currency
        return cls(
            refund_id=refund.public_id,
            order_id=refund.payment.order.public_id,
            amount=to_number(refund.amount_minor, currency),
            amount_minor=refund.amount_minor,
            currency=currency,
            reason=refund.reason,
            status=refund.status,
            created_at=refund.created_at,
        )


class OrderReturnAnswer(ReturnAnswer):
    order_id: str

    @classmethod
    def about(cls, made: Return) -> "OrderReturnAnswer":
        """Of a return read with its order and lines."""
        return cls(order_id=made.order.public_id, **ReturnAnswer.of(made).model_dump())


class InvoiceIssuedAnswer(Answer):
    order_id: str
    invoice_id: str


class LowStockAnswer(Answer):
    items: list[InventoryAnswer]


class TestAnswer(Answer):
    """What a test event says."""

    __test__ = False

    endpoint_id: str
    text: str = "This is a test. Nothing happened in the shop."


# --- The log


class EndpointAnswer(Answer):
    endpoint_id: str
    url: str
    description: str
    topics: list[str]
    is_enabled: bool
    disabled_reason: str
    failing_since: datetime | None
    created_at: datetime

    @classmethod
    def of(cls, endpoint: Endpoint) -> "EndpointAnswer":
        return cls(
            endpoint_id=endpoint.public_id,
            url=endpoint.url,
            description=endpoint.description,
            topics=endpoint.topics,
            is_enabled=endpoint.is_enabled,
            disabled_reason=endpoint.disabled_reason,
            failing_since=endpoint.failing_since,
            created_at=endpoint.created_at,
        )


class DeliveryAnswer(Answer):
    """`deliveryId` is the message's `webhook-id`. `status`, `error`, `latencyMs` and `answer` are of the last try."""

    delivery_id: str
    endpoint_id: str
    topic: str
    subject: str
    state: States
    attempts: int
    next_try_at: datetime | None
    status: int | None
    error: str
    latency_ms: int | None
    answer: str
    created_at: datetime
    sent_at: datetime | None

    @classmethod
    def of(cls, delivery: Delivery) -> "DeliveryAnswer":
        """Of a delivery read with its endpoint."""
        return cls(
            delivery_id=delivery.public_id,
            endpoint_id=delivery.endpoint.public_id,
            topic=delivery.topic,
            subject=delivery.subject,
            state=States(delivery.state),
            attempts=delivery.attempts,
            next_try_at=delivery.due_at if delivery.state == States.PENDING else None,
            status=delivery.status,
            error=delivery.error,
            latency_ms=delivery.latency_ms,
            answer=delivery.answer,
            created_at=delivery.created_at,
            sent_at=delivery.sent_at,
        )


class DeliveryQuery(CursorQuery):
    state: States | None = None
    topic: str = Field("", max_length=64)
    endpoint_id: str = Field("", alias="endpointId", max_length=40)


class ReplayBody(Body):
    """All that failed for good since then, of one endpoint or of all."""

    since: datetime
    endpoint_id: Annotated[str, Field(max_length=40)] = ""


class ReplayedAnswer(Answer):
    replayed: int
