from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from orders.models import Order
from payments.models import Payment, PaymentEvent, Refund


@dataclass(frozen=True, slots=True)
class Started:
    """`redirect_url` is where the buyer pays; empty when there is nothing to do online."""

    external_id: str
    redirect_url: str = ""


@dataclass(frozen=True, slots=True)
class Decline:
    reference: str
    code: str


@dataclass(frozen=True, slots=True)
class ProviderRefund:
    """`refund_id` is our Refund's public id, empty for a refund that somebody made at the provider itself."""

    reference: str
    status: Literal["pending", "succeeded", "failed"]
    amount_minor: int
    refund_id: str = ""


@dataclass(frozen=True, slots=True)
class ProviderState:
    """What the provider says of a payment now. Amounts in minor units."""

    status: Literal["open", "processing", "captured", "failed", "expired"]
    amount_minor: int
    currency: str
    order_id: str
    payment_id: str
    livemode: bool
    captured_ref: str = ""
    decline: Decline | None = None
    refunds: tuple[ProviderRefund, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """A signed message, reduced to whom it is about: the object itself is read again, so nothing more is kept.

    `about` holds any of `external_id`, `payment_id`, `captured_ref`; it is empty when the shop has nothing to do.
    """

    event_id: str
    type: str
    about: dict[str, str]


class Provider(Protocol):
    """Every method but `expires_at` and `parameters` may take seconds and is called outside any transaction.

    Raises ProviderUnavailable when the outcome is unknown and PaymentRefused when certainly nothing happened.
    """

    code: str
    confirms_order: bool  # the goods leave before the money arrives
    is_online: bool  # it can be asked for the state of a payment

    @property
    def is_configured(self) -> bool: ...

    @property
    def livemode(self) -> bool: ...

    def expires_at(self, now: datetime) -> datetime | None:
        """Until when a payment that begins now can be paid."""

    def parameters(self, payment: Payment, order: Order) -> dict[str, Any]:
        """What `start` will send: it is stored first, so that a repetition sends exactly the same."""

    def start(self, payment: Payment, request: PaymentEvent) -> Started: ...

    def retrieve(self, payment: Payment) -> ProviderState: ...

    def expire(self, payment: Payment) -> ProviderState:
        """Ends what is still open and returns the state read afterwards, which may be `captured`."""

    def refund(self, payment: Payment, refund: Refund) -> ProviderRefund:
        """May be called again for the same refund: the provider acts once."""

    def parse_webhook(self, body: bytes, signature: str) -> Message:
        """Raises InvalidSignature."""
