"""Counting the units of an order's lines."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from orders.errors import TooManyUnits
from orders.models import Order, OrderLine
from shop.errors import InvalidInput

from .journal import FulfillmentStatus


@dataclass(frozen=True)
class Units:
    wanted: int
    left: int
    returned: int

    @property
    def have_all_left(self) -> bool:
        return self.left >= self.wanted

    @property
    def fulfillment_status(self) -> str:
        """What is still to be sent comes before what has come back: somebody has to act on it."""
        if not self.left:
            return FulfillmentStatus.UNFULFILLED
        if not self.have_all_left:
            return FulfillmentStatus.PARTIALLY_FULFILLED
        if not self.returned:
            return FulfillmentStatus.FULFILLED
        if self.returned < self.wanted:
            return FulfillmentStatus.PARTIALLY_RETURNED
        return FulfillmentStatus.RETURNED


def count(order: Order) -> Units:
    lines = list(order.lines.with_units())
    return Units(
        wanted=sum(line.wanted for line in lines),
        left=sum(line.units_left for line in lines),
        returned=sum(line.units_returned for line in lines),
    )


def chosen(
    lines: Iterable[OrderLine], quantities: Mapping[str, int] | None, *, free: Callable[[OrderLine], int]
) -> dict[OrderLine, int]:
    """How many units of which line: `quantities` by public id, or all that are `free`.

    Raises TooManyUnits for more than is free, InvalidInput for another order's line and for less than one unit.
    """
    if quantities is None:
        return {line: free(line) for line in lines if free(line) > 0}
    known = {line.public_id: line for line in lines}
    if not quantities or any(name not in known or quantity < 1 for name, quantity in quantities.items()):
        raise InvalidInput(fields={"items": ["Name lines of this order, each with one unit or more."]})
    for name, quantity in quantities.items():
        if quantity > free(known[name]):
            line = known[name]
            raise TooManyUnits(line.name, line.public_id, max(0, free(line)))
    return {known[name]: quantity for name, quantity in quantities.items()}


def by_sku(units: Mapping[OrderLine, int]) -> dict[str, int]:
    """The stock's view of them: two lines may be of the same article."""
    total: Counter[str] = Counter()
    for line, quantity in units.items():
        total[line.sku] += quantity
    return dict(total)
