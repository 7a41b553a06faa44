"""What the shop should know, in plain Python: shelves, bags, orders and money, without a database or a lock."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Bag:
    """A cart. `held` are the units promised to it, which may be fewer articles than stand in it."""

    lines: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)
    coupon: bool = False
    is_open: bool = True


@dataclass
class Sale:
    """An order, as far as stock and money are concerned. Amounts are minor units."""

    bag: str
    method: str
    units: Counter[str]
    total: int
    left: dict[str, int]  # of each line's price and, by "", of the delivery's: what was not given back
    coupon: bool = False
    status: str = "pending"
    session: str = ""  # at the provider: "", open, paid, expired
    captured: int = 0
    refunded: int = 0
    shipped: Counter[str] = field(default_factory=Counter)
    paid_back: Counter[str] = field(default_factory=Counter)  # units whose money went back
    returned: Counter[str] = field(default_factory=Counter)
    came_back: list[tuple[str, int]] = field(default_factory=list)  # and the worker has not heard of it
    close_due: bool = False  # cancelled, and the worker has not heard of it

    @property
    def promised(self) -> Counter[str]:
        """Units that lie on the shelf for this order."""
        return Counter() if self.status == "cancelled" else self.units - self.shipped

    def share(self, sku: str, units: int) -> int:
        """What so many units of a line are worth: their part of what is left, halves up."""
        left = self.units[sku] - self.paid_back[sku]
        return (2 * self.left[sku] * units + left) // (2 * left)

    def give_back(self, sku: str, units: int) -> int:
        amount = self.share(sku, units)
        self.left[sku] -= amount
        self.paid_back[sku] += units
        self.refunded += amount
        return amount

    @property
    def payment_status(self) -> str:
        if self.refunded:
            return "refunded" if self.refunded == self.captured else "partially_refunded"
        if self.captured:
            return "paid"
        return "voided" if self.status == "cancelled" else "pending"


@dataclass
class Books:
    """The whole shop. `coupon_left` is how often the coupon may still be used."""

    shelf: Counter[str] = field(default_factory=Counter)
    bags: dict[str, Bag] = field(default_factory=dict)
    sales: dict[str, Sale] = field(default_factory=dict)
    coupon_left: int = 0

    def reserved(self, sku: str) -> int:
        held = sum(bag.held[sku] for bag in self.bags.values())
        return held + sum(sale.promised[sku] for sale in self.sales.values())

    def shortfall(self, sku: str) -> int:
        return max(0, self.reserved(sku) - self.shelf[sku])

    def available(self, sku: str) -> int:
        return 0 if self.shortfall(sku) else self.shelf[sku] - self.reserved(sku)

    def can_promise(self, more: Counter[str]) -> bool:
        """Whether each rise can be promised; what sinks or stays needs nobody's leave."""
        return all(units <= self.available(sku) for sku, units in more.items() if units > 0)
