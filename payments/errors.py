from shop.errors import Conflict, DomainError, Unavailable


class ProviderUnavailable(Unavailable):
    """No usable answer: the provider may or may not have acted. Only the same key may be sent again."""

    code = "payment_unavailable"
    text = "The payment service can't be reached right now. Your order is kept; please try again in a moment."


class PaymentRefused(Conflict):
    """The provider answered that it did nothing."""

    code = "payment_refused"
    text = "This payment can't be started. Please choose another way to pay."


class NotPayable(Conflict):
    code = "not_payable"
    text = "This order can't be paid any more."


class TooManyAttempts(Conflict):
    code = "too_many_attempts"
    text = "This order has had too many payment attempts. Please contact us."


class RefundTooLarge(Conflict):
    code = "refund_too_large"
    text = "This is more than is left of the payment."


class InvalidSignature(DomainError):
    code = "invalid_signature"
    text = "This message is not from the payment service."


class UnknownPayment(DomainError):
    """A signed message about a payment that is not in our books (yet)."""

    code = "unknown_payment"
    status = 404


class NothingLeft(Conflict):
    """More units of a line than have not been given back yet."""

    code = "nothing_left"
    text = "Some of these units have been refunded already."


class NotCapturable(Conflict):
    code = "not_capturable"
    text = "No authorised money waits to be captured or released."


class KeyReused(Conflict):
    code = "idempotency_key_reused"
    text = "This key was used for another refund."


class WrongPayment(Conflict):
    code = "wrong_payment"
    text = "What the payment service has does not allow this."
