"""`evaluate()`: which promotions apply to a bag, what each takes off, why the others don't. No queries, no clock."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction

from django.utils import dateformat
from django.utils.timezone import localtime

from shop.money import Money, allocate

from ..models import Action, Coupon, Phase, Promotion

PHASES = (Phase.LINE, Phase.ORDER, Phase.SHIPPING)
NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Item:
    """What is to be priced. Amounts in minor units, as listed: with tax where the shop's prices include it.

    `tags` are what promotions can name: `sku:...`, `product:...`, `category:...` for each level, `brand:...`.
    """

    sku: str
    name: str
    quantity: int
    unit_price_minor: int
    list_price_minor: int
    tax_class: str
    tags: frozenset[str] = frozenset()

    @property
    def subtotal_minor(self) -> int:
        return self.unit_price_minor * self.quantity

    @property
    def is_on_sale(self) -> bool:
        return self.unit_price_minor < self.list_price_minor


@dataclass(frozen=True)
class Freight:
    code: str
    name: str
    price_minor: int
    tax_class: str


@dataclass(frozen=True)
class Customer:
    """`key` is empty and `is_new` None while it isn't known who buys: then nothing is refused for it yet."""

    key: str = ""
    is_new: bool | None = None


@dataclass(frozen=True)
class Candidate:
    """A promotion that may apply, with the coupon that opens it and how often this customer has used either."""

    promotion: Promotion
    coupon: Coupon | None = None
    uses_by_customer: int = 0
    coupon_uses_by_customer: int = 0

    @property
    def code(self) -> str:
        return self.coupon.code if self.coupon else ""

    @property
    def title(self) -> str:
        return self.code or self.promotion.name


@dataclass(frozen=True)
class Offers:
    """Everything beside the bag that decides: what is offered to whom, and when. `unknown` are codes of nothing."""

    candidates: tuple[Candidate, ...] = ()
    unknown: tuple[str, ...] = ()
    customer: Customer = Customer()
    now: datetime = NEVER


@dataclass(frozen=True)
class PricedCart:
    items: tuple[Item, ...]
    freight: Freight | None
    country: str
    currency: str


@dataclass(frozen=True)
class Applied:
    """`shares` are what it takes off each item, in the order of the bag; nothing for a promotion of the delivery."""

    promotion: Promotion
    coupon: Coupon | None
    amount_minor: int
    shares: tuple[int, ...]

    @property
    def name(self) -> str:
        return self.promotion.name

    @property
    def code(self) -> str:
        return self.coupon.code if self.coupon else ""

    @property
    def phase(self) -> str:
        return self.promotion.phase


@dataclass(frozen=True)
class Rejected:
    """`reason` for programs, `message` for people."""

    promotion: Promotion | None
    code: str
    reason: str
    message: str


@dataclass(frozen=True)
class Evaluation:
    """`discounts` are what all promotions take off each item together, in the order of the bag."""

    applied: tuple[Applied, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    discounts: tuple[int, ...] = ()
    freight_discount_minor: int = 0

    @property
    def discount_minor(self) -> int:
        """What is off the goods."""
        return sum(self.discounts)

    @property
    def refused_codes(self) -> list[Rejected]:
        """What the shopper entered and gets nothing for. Of promotions that nobody asked for nothing is told."""
        return [each for each in self.rejected if each.code]


@dataclass
class _Bag:
    """What is left to pay of each item and of the delivery while promotions take off, one after the other."""

    cart: PricedCart
    left: list[int]
    freight_left: int
    order: list[int]
    applied: list[Applied] = field(default_factory=list)


def evaluate(cart: PricedCart, offers: Offers) -> Evaluation:
    """Applies what applies: lines, then the order, then the delivery; in a phase by priority, then by age.

    Each works on what those before it have left, so nothing falls below zero. The order of the items in the bag
    changes no item's share. Every candidate ends as applied or as rejected with its reason.
    """
    items = cart.items
    order = sorted(range(len(items)), key=lambda index: _identity(items[index]))
    bag = _Bag(cart, [item.subtotal_minor for item in items], cart.freight.price_minor if cart.freight else 0, order)
    rejected = [Rejected(None, code, "coupon_invalid", f"“{code}” is not valid.") for code in offers.unknown]
    candidates = [each for each in offers.candidates if each.promotion.phase in PHASES]
    for candidate in sorted(candidates, key=_turn):
        if obstacle := _obstacle(candidate, bag, offers):
            reason, message = obstacle
            rejected.append(Rejected(candidate.promotion, candidate.code, reason, message))
    return Evaluation(
        applied=tuple(bag.applied),
        rejected=tuple(rejected),
        discounts=tuple(item.subtotal_minor - left for item, left in zip(items, bag.left, strict=True)),
        freight_discount_minor=(cart.freight.price_minor if cart.freight else 0) - bag.freight_left,
    )


Obstacle = tuple[str, str] | None


def _obstacle(candidate: Candidate, bag: _Bag, offers: Offers) -> Obstacle:
    """Applies the candidate, or answers what stands in its way."""
    matching = _matching(candidate.promotion, bag)
    return (
        _not_now(candidate, offers.now)
        or _used_up(candidate)
        or _not_for_whom(candidate, bag.cart, offers.customer)
        or _not_for_this_bag(candidate, bag.cart, matching)
        or _not_beside(candidate, bag.applied)
        or _take_off(candidate, bag, matching)
    )


def _turn(candidate: Candidate) -> tuple[int, int, int, bool, str]:
    """A promotion that also runs by itself is tried by its codes first: a code that is over must not cost its buyer."""
    promotion, phase = candidate.promotion, PHASES.index(Phase(candidate.promotion.phase))
    return phase, promotion.priority, promotion.pk or 0, candidate.coupon is None, candidate.code


def _identity(item: Item) -> tuple[str, int, int, str]:
    return item.sku, item.unit_price_minor, item.quantity, item.tax_class


def _matching(promotion: Promotion, bag: _Bag) -> list[int]:
    items = bag.cart.items
    return [
        index
        for index in bag.order
        if promotion.covers(items[index].tags) and not (promotion.excludes_sale_items and items[index].is_on_sale)
    ]


def _not_now(candidate: Candidate, now: datetime) -> Obstacle:
    title = candidate.title
    for row in (candidate.promotion, candidate.coupon):
        if row is None:
            continue
        if not row.is_active:
            return "switched_off", f"{title} is not valid any more."
        if row.starts_at and row.starts_at > now:
            return "not_started", f"{title} starts on {_day(row.starts_at)}."
        if row.ends_at and row.ends_at <= now:
            return "ended", f"{title} ended on {_day(row.ends_at)}."
    return None


def _used_up(candidate: Candidate) -> Obstacle:
    rows = ((candidate.promotion, candidate.uses_by_customer), (candidate.coupon, candidate.coupon_uses_by_customer))
    for row, uses in rows:
        if row is None:
            continue
        if row.usage_limit is not None and row.used >= row.usage_limit:
            return "used_up", f"{candidate.title} has been used up."
        if row.limit_per_customer is not None and uses >= row.limit_per_customer:
            return "used_by_customer", f"You have used {candidate.title} already."
    return None


def _not_for_whom(candidate: Candidate, cart: PricedCart, customer: Customer) -> Obstacle:
    promotion, title = candidate.promotion, candidate.title
    if promotion.new_customers_only and customer.is_new is False:
        return "not_new_customer", f"{title} is for a first order."
    if promotion.countries and cart.country not in promotion.countries:
        return "country", f"{title} is not for deliveries to this country."
    return None


def _not_for_this_bag(candidate: Candidate, cart: PricedCart, matching: Sequence[int]) -> Obstacle:
    promotion, title = candidate.promotion, candidate.title
    if not matching:
        return "no_matching_goods", f"{title} is for other articles than those in your bag."
    goods = sum(cart.items[index].subtotal_minor for index in matching)
    if goods < promotion.min_goods_minor:
        needed, missing = Money(promotion.min_goods_minor, cart.currency), promotion.min_goods_minor - goods
        return "min_goods", f"{title} needs goods for {needed}; {Money(missing, cart.currency)} are missing."
    pieces = sum(cart.items[index].quantity for index in matching)
    needed_pieces = max(promotion.min_quantity, _pieces_of_a_set(promotion))
    if pieces < needed_pieces:
        return "min_quantity", f"{title} needs {needed_pieces} articles; {needed_pieces - pieces} more to go."
    return None


def _not_beside(candidate: Candidate, applied: Sequence[Applied]) -> Obstacle:
    promotion, title = candidate.promotion, candidate.title
    for other in (each.promotion for each in applied):
        if other == promotion:
            return "already_applied", f"{title} is the same offer as one that counts already."
        if promotion.exclusive_group and promotion.exclusive_group == other.exclusive_group:
            return "exclusive", f"{title} can't be used together with {other.name}."
        if promotion.phase not in other.combines_with or other.phase not in promotion.combines_with:
            return "not_combinable", f"{title} can't be used together with {other.name}."
    return None


def _take_off(candidate: Candidate, bag: _Bag, matching: Sequence[int]) -> Obstacle:
    promotion, shares, freight_share = candidate.promotion, [0] * len(bag.left), 0
    if promotion.phase == Phase.SHIPPING:
        freight_share = promotion.off(bag.freight_left)
        # Before a way of delivery is chosen it stands without an amount.
        is_pending = bag.cart.freight is None
    else:
        for index, share in zip(matching, _shares(promotion, bag, matching), strict=True):
            shares[index] = share
        is_pending = False
    amount = sum(shares) + freight_share
    if not amount and not is_pending:
        return "nothing_to_take_off", f"{candidate.title} takes nothing off this order."
    bag.left = [left - share for left, share in zip(bag.left, shares, strict=True)]
    bag.freight_left -= freight_share
    bag.applied.append(Applied(promotion, candidate.coupon, amount, tuple(shares)))
    return None


def _shares(promotion: Promotion, bag: _Bag, matching: Sequence[int]) -> list[int]:
    left = [bag.left[index] for index in matching]
    if promotion.phase == Phase.ORDER:
        return allocate(promotion.off(sum(left)), left)
    quantities = [bag.cart.items[index].quantity for index in matching]
    if promotion.action == Action.BUY_X_GET_Y:
        return _cheapest_free(promotion, left, quantities)
    return [promotion.off(price, quantity) for price, quantity in zip(left, quantities, strict=True)]


def _cheapest_free(promotion: Promotion, left: Sequence[int], quantities: Sequence[int]) -> list[int]:
    """Of each full set of `buy + get` pieces `get` are free: the cheapest of all."""
    free = sum(quantities) // _pieces_of_a_set(promotion) * (promotion.get_quantity or 0)
    shares = [0] * len(left)
    for index in sorted(range(len(left)), key=lambda index: (Fraction(left[index], quantities[index]), index)):
        pieces = min(free, quantities[index])
        shares[index] = left[index] * pieces // quantities[index]
        free -= pieces
    return shares


def _pieces_of_a_set(promotion: Promotion) -> int:
    """0 for a promotion that doesn't count sets."""
    if promotion.action != Action.BUY_X_GET_Y:
        return 0
    return (promotion.buy_quantity or 0) + (promotion.get_quantity or 0)


def _day(moment: datetime) -> str:
    return dateformat.format(localtime(moment), "j F Y")
