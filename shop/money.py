"""Money is an integer of minor units with its currency. Decimals and floats exist at the edge only."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from babel.numbers import format_currency, get_currency_precision
from django.conf import settings

# Fits PostgreSQL's bigint with room for sums, and JavaScript's safe integers.
MAX_MINOR = 10**13


def exponent(currency: str) -> int:
    """Number of decimals that ISO 4217 gives the currency: EUR 2, JPY 0, KWD 3."""
    return get_currency_precision(currency)


def to_minor(amount: Decimal, currency: str) -> int:
    """Raises ValueError when the amount has more decimals than the currency, is not finite or is out of range."""
    if not amount.is_finite() or amount.copy_abs() >= MAX_MINOR:
        raise ValueError("not a usable amount")
    rounded = amount.quantize(Decimal(1).scaleb(-exponent(currency)))
    if rounded != amount:
        raise ValueError(f"more than {exponent(currency)} decimals")
    minor = int(rounded.scaleb(exponent(currency)))
    if abs(minor) >= MAX_MINOR:
        raise ValueError("not a usable amount")
    return minor


def to_decimal(minor: int, currency: str) -> Decimal:
    return Decimal(minor).scaleb(-exponent(currency))


def to_number(minor: int, currency: str) -> float | int:
    """The JSON number of an amount. Printing a float with 15 digits is exact for every amount below `MAX_MINOR`."""
    return float(to_decimal(minor, currency)) if exponent(currency) else minor


def half_up(amount: Decimal) -> int:
    return int(amount.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def allocate(total: int, weights: Sequence[int]) -> list[int]:
    """Splits `total` minor units by `weights`, largest remainders first; the parts sum to `total` exactly.

    Weights that are all 0 count as equal. Raises ValueError for no weights: the total would be lost.
    """
    if not weights:
        raise ValueError("nothing to split it over")
    if not any(weights):
        weights = [1] * len(weights)
    whole = sum(weights)
    shares = [divmod(total * weight, whole) for weight in weights]
    parts = [quotient for quotient, _ in shares]
    by_remainder = sorted(range(len(shares)), key=lambda index: (-shares[index][1], index))
    for index in by_remainder[: total - sum(parts)]:
        parts[index] += 1
    return parts


@dataclass(frozen=True, slots=True)
class Money:
    minor: int
    currency: str

    @property
    def decimal(self) -> Decimal:
        return to_decimal(self.minor, self.currency)

    def __str__(self) -> str:
        return format_currency(self.decimal, self.currency, locale=settings.SHOP_LOCALE)
