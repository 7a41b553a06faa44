from shop.api import Answer

from .models import Payment


class PaymentAnswer(Answer):
    """What the client does next: sends the buyer to `redirectUrl` while there is one."""

    provider: str
    status: str
    redirect_url: str | None = None
    client_secret: str | None = None

    @classmethod
    def of(cls, payment: Payment) -> "PaymentAnswer":
        redirect_url = None if payment.is_settled else payment.redirect_url or None
        return cls(provider=payment.provider, status=payment.status, redirect_url=redirect_url)
