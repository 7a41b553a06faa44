"""The ways to pay. A new one is a file that fulfils `Provider`, its code in `PROVIDERS` and in the order's choices."""

from django.conf import settings

from .base import Decline, Listed, Message, Provider, ProviderDispute, ProviderRefund, ProviderState, Started
from .cod import CashOnDelivery
from .invoice import Invoice
from .stripe import Stripe

__all__ = [
    "Decline",
    "Listed",
    "Message",
    "Provider",
    "ProviderDispute",
    "ProviderRefund",
    "ProviderState",
    "Started",
    "available",
    "get",
]

PROVIDERS: dict[str, Provider] = {"stripe": Stripe(), "invoice": Invoice(), "cod": CashOnDelivery()}


def get(code: str) -> Provider:
    """Raises KeyError for a code that no provider has."""
    return PROVIDERS[code]


def available() -> list[str]:
    """Codes of the providers that this installation offers and has set up, in the order of the setting."""
    return [code for code in settings.SHOP_PAYMENT_METHODS if code in PROVIDERS and PROVIDERS[code].is_configured]
