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
class ProviderDispute:
    """`inquiry` and `closed` moved no money; what is `open` or `lost` has been taken from the shop."""

    reference: str
    status: Literal["inquiry", "open", "won", "lost", "closed"]
    amount_minor: int
    reason: str = ""
    due_by: datetime | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """One of the provider's sessions in a list. `payment_id` is our name for it, empty when it is not ours."""

    external_id: str
    payment_id: str
    is_paid: bool
    amount: str


@dataclass(frozen=True, slots=True)
class ProviderState:
    """What the provider says of a payment now. Amounts in minor units; `amount_minor` is what was asked for.

    `is_manual`: the money was authorised first, so that less than all of it may have been captured.
    """

    status: Literal["open", "processing", "authorized", "captured", "voided", "failed", "expired"]
    amount_minor: int
    currency: str
    order_id: str
    payment_id: str
    livemode: bool
    captured_minor: int = 0
    captured_ref: str = ""
    is_manual: bool = False
    capture_before: datetime | None = None
    decline: Decline | None = None
    refunds: tuple[ProviderRefund, ...] = ()
    disputes: tuple[ProviderDispute, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """A signed message, reduced to whom it is about: the object itself is read again, so nothing more is kept.

    `about` holds any of `external_id`, `payment_id`, `captured_ref`; it is empty when the shop has nothing to do.
    `declined_ref` and `declined_code` name a card that was refused: the object shows only the last of several.
    """

    event_id: str
    type: str
    about: dict[str, str]


class Provider(Protocol):
    """All but `expires_at`, `parameters` and `captures_later` may take seconds: called outside any transaction.

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

    def captures_later(self, parameters: dict[str, Any]) -> bool:
        """Whether such a payment is authorised first and captured or voided by a request of its own."""

    def capture(self, payment: Payment, request: PaymentEvent) -> None:
        """Takes the authorised money of the request's amount. May be called again: the provider acts once."""

    def void(self, payment: Payment, request: PaymentEvent) -> None:
        """Lets authorised money go. As `capture`."""

    def refund(self, payment: Payment, refund: Refund) -> ProviderRefund:
        """May be called again for the same refund: the provider acts once."""

    def give_back(self, payment: Payment, request: PaymentEvent) -> None:
        """Gives back all that the provider took for a payment that our books could not accept. As `capture`."""

    def listed(self, since: datetime, limit: int) -> list[Listed]:
        """The provider's sessions since then, at most so many."""

    def parse_webhook(self, body: bytes, signature: str) -> Message:
        """Raises InvalidSignature."""
