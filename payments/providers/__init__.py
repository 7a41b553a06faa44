"""The ways to pay. A new one is a file here, that fulfils `Provider`, and an entry in `PROVIDERS`."""

from .base import Decline, Message, Provider, ProviderRefund, ProviderState, Started
from .cod import CashOnDelivery
from .invoice import Invoice
from .stripe import Stripe

__all__ = ["Decline", "Message", "Provider", "ProviderRefund", "ProviderState", "Started", "available", "get"]

PROVIDERS: dict[str, Provider] = {"stripe": Stripe(), "invoice": Invoice(), "cod": CashOnDelivery()}


def get(code: str) -> Provider:
    """Raises KeyError for a code that no provider has."""
    return PROVIDERS[code]


def available() -> list[str]:
    """Codes of the providers that this installation has set up."""
    return [code for code, provider in PROVIDERS.items() if provider.is_configured]
