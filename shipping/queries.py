from dataclasses import dataclass
from datetime import date

from .models import ShippingMethod


@dataclass(frozen=True)
class Option:
    """A way to deliver, priced for these goods. `first` and `last` bound the day of arrival."""

    method: ShippingMethod
    price_minor: int
    first: date
    last: date

    @property
    def code(self) -> str:
        return self.method.code

    @property
    def name(self) -> str:
        return self.method.name


def options(*, country: str, goods_minor: int, today: date) -> list[Option]:
    """Every method that serves the country, the cheapest first."""
    found = [
        Option(method, method.price_for(goods_minor), *method.arrival(today))
        for method in ShippingMethod.objects.serving(country)
    ]
    return sorted(found, key=lambda option: option.price_minor)
