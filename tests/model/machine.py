"""Random histories of a shop, told to the shop's own operations and to `Books` at once; after each step both agree.

Every operation is one that a view or the worker calls, on PostgreSQL, and money moves at the payment stand-in. A rule
decides from the books alone what the shop has to answer, so a refusal that should have been a sale fails as well.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from random import Random
from typing import Any, ClassVar, TypeVar

from django.apps import apps
from django.contrib.auth.models import AnonymousUser
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone
from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from cart import operations as carts
from cart.models import CartSnapshot
from catalog.models import Variant
from checkout import operations as checkout
from checkout.tests.books import broken
from checkout.tests.factories import ADDRESS
from inventory import operations as inventory
from inventory.errors import InsufficientStock, StockBelowZero
from inventory.models import Reservation, StockItem
from orders import operations as orders
from orders.errors import InvalidTransition, ReturnRefused, TooManyUnits
from orders.models import Order
from orders.operations import Contact, ReturnItem
from orders.operations.returns import Disposition
from payments import operations as payments
from payments.errors import NothingLeft, NotPayable
from payments.models import Payment
from payments.tests.sandbox import APPROVED, DECLINED, Sandbox
from pricing.errors import CouponNotApplicable, CouponUsedUp
from pricing.models import Coupon
from shop import outbox

from .books import Bag, Books, Sale

SKUS = ("BOWL", "CUP", "MUG")
PRICES = {"BOWL": 900, "CUP": 450, "MUG": 700}
FREIGHT, COUPON, OFF, COUPON_USES = 490, "MODEL", 100, 1
MOST_BAGS, CHECK_EVERY = 6, 10
EMPTIED = ("cart", "inventory", "invoices", "orders", "payments", "shop")
T = TypeVar("T")
Draw = Callable[[Random], Any]


def between(least: int, most: int) -> Draw:
    return lambda chance: chance.randint(least, most)


def one_of(*values: object) -> Draw:
    return lambda chance: chance.choice(values)


anything, sku = between(0, 10_000), one_of(*SKUS)


def pick(things: Sequence[T], number: int) -> T:
    return things[number % len(things)]


def prefer(likely: Sequence[T], all_: Sequence[T], number: int) -> T:
    """Three times of four one for which something happens: else a run would mostly count refusals."""
    return pick(likely if likely and number % 4 != 3 else all_, number // 4)


@dataclass(frozen=True)
class Action:
    act: Callable[..., None]
    weight: int
    when: Callable[["ShopMachine"], object]
    arguments: dict[str, Draw]


ACTIONS: list[Action] = []
Act = TypeVar("Act", bound=Callable[..., None])


def action(
    weight: int, when: Callable[["ShopMachine"], object] = lambda self: True, **arguments: Draw
) -> Callable[[Act], Act]:
    """A thing that happens when it can, and then `weight` times as often as one of weight 1.

    Hypothesis' own rules all come as often, and each history leaves some out: what needs five others is then rare.
    """

    def register(act: Act) -> Act:
        ACTIONS.append(Action(act, weight, when, arguments))
        return act

    return register


class ShopMachine(RuleBasedStateMachine):
    """`tally` counts every (rule, outcome) over all histories of a run."""

    sandbox: ClassVar[Sandbox]
    tally: ClassVar[Counter[tuple[str, str]]] = Counter()
    numbers: ClassVar[Any] = count(1)

    @initialize(opening=st.lists(st.integers(4, 16), min_size=3, max_size=3))
    def open_the_shop(self, opening: list[int]) -> None:
        tables = [model._meta.db_table for label in EMPTIED for model in apps.get_app_config(label).get_models()]
        with connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {', '.join([*tables, 'pricing_promotionuse'])} CASCADE")
        Coupon.objects.filter(code=COUPON).update(used=0)
        self.books = Books(coupon_left=COUPON_USES)
        self.steps = 0
        for each, units in zip(SKUS, opening, strict=True):
            with transaction.atomic():
                inventory.ensure_item(each)
                inventory.receive(each, units, reason="opening stock", actor="staff")
            self.books.shelf[each] = units

    @rule(number=st.integers(0, 2**64))
    def something_happens(self, number: int) -> None:
        # Hypothesis likes small numbers, and the same ones again: mixed with the step, all actions get their turn.
        chance = Random(f"{number}:{self.steps}")
        possible = [each for each in ACTIONS if each.when(self)]
        chosen = chance.choices(possible, [each.weight for each in possible])[0]
        arguments = {name: draw(chance) for name, draw in chosen.arguments.items()}
        note(f"{chosen.act.__name__}({arguments})")
        chosen.act(self, **arguments)

    # --- The shelf

    @action(5, sku=sku, units=between(1, 6))
    def receive(self, sku: str, units: int) -> None:
        with transaction.atomic():
            inventory.receive(sku, units, reason="delivery", actor="staff")
        self.books.shelf[sku] += units
        self.done("receive", "received")

    @action(5, sku=sku, beyond_promised=between(-6, 6), number=anything)
    def take_stock(self, sku: str, beyond_promised: int, number: int) -> None:
        promised = [each for each in SKUS if self.books.reserved(each)]
        sku = prefer(promised, [sku], number)
        units = max(0, self.books.reserved(sku) + beyond_promised)
        with transaction.atomic():
            inventory.set_on_hand(StockItem.objects.get(sku=sku), units, reason="stock-take", actor="staff")
        self.books.shelf[sku] = units
        self.done("take stock", "short" if self.books.shortfall(sku) else "enough")

    # --- Bags

    @action(9, when=lambda self: len(self.open_bags) < MOST_BAGS, sku=sku, units=between(1, 4))
    def begin_bag(self, sku: str, units: int) -> None:
        cart = carts.open_cart(AnonymousUser())
        self.books.bags[cart.public_id] = Bag()
        self.put(cart.public_id, sku, units, "begin bag")

    @action(6, when=lambda self: self.open_bags, bag=anything, sku=sku, units=between(1, 4))
    def add(self, bag: int, sku: str, units: int) -> None:
        name = pick(self.open_bags, bag)
        self.put(name, sku, self.books.bags[name].lines[sku] + units, "add")

    @action(6, when=lambda self: self.filled_bags, bag=anything, line=anything, units=between(1, 8))
    def change(self, bag: int, line: int, units: int) -> None:
        name = pick(self.filled_bags, bag)
        sku = pick(sorted(self.books.bags[name].lines), line)
        self.put(name, sku, units, "change")

    def put(self, name: str, sku: str, units: int, rule_name: str) -> None:
        bag = self.books.bags[name]
        possible = self.books.can_promise(Counter({sku: units - bag.held[sku]}))
        cart, now = self.cart(name), timezone.now()
        item = next((line["itemId"] for line in cart.lines if line["sku"] == sku), None)

        def act() -> None:
            if rule_name == "change":
                assert item
                carts.set_quantity(cart, item, quantity=units, now=now)
            else:
                variant = Variant.objects.select_related("product").get(sku=sku)
                carts.add_item(cart, variant=variant, quantity=units - bag.lines[sku], now=now)

        if self.succeeds(act, possible, InsufficientStock):
            bag.lines[sku] = bag.held[sku] = units
        self.done(rule_name, "held" if possible else "sold out")

    @action(3, when=lambda self: self.filled_bags, bag=anything, line=anything)
    def remove(self, bag: int, line: int) -> None:
        name = pick(self.filled_bags, bag)
        cart = self.cart(name)
        chosen = pick(cart.lines, line)
        carts.remove_item(cart, chosen["itemId"], now=timezone.now())
        for units in (self.books.bags[name].lines, self.books.bags[name].held):
            del units[chosen["sku"]]
        self.done("remove", "removed")

    @action(4, when=lambda self: self.holding_bags, bag=anything)
    def run_out(self, bag: int) -> None:
        """Its time passes, and the sweeper comes by."""
        name = pick(self.holding_bags, bag)
        cart, past = self.cart(name), timezone.now() - timedelta(seconds=1)
        for line in cart.lines:
            line["heldUntil"] = past.isoformat()
        cart.save(update_fields=["lines"])
        Reservation.objects.open().filter(reference=cart.reference).update(expires_at=past)
        inventory.release_expired(timezone.now())
        self.books.bags[name].held.clear()
        self.done("run out", "given back")

    @action(5, when=lambda self: any(not self.books.bags[name].coupon for name in self.open_bags), bag=anything)
    def enter_coupon(self, bag: int) -> None:
        name = pick([name for name in self.open_bags if not self.books.bags[name].coupon], bag)
        carts.add_coupon(self.cart(name), COUPON, now=timezone.now())
        self.books.bags[name].coupon = True
        self.done("enter coupon", "kept")

    # --- Orders

    @action(
        18,
        when=lambda self: self.filled_bags,
        bag=anything,
        method=one_of("stripe", "stripe", "stripe", "cod", "invoice"),
    )
    def place_order(self, bag: int, method: str) -> None:
        unheld = [each for each in self.filled_bags if not self.books.bags[each].held.total()]
        name = pick(unheld if unheld and bag % 2 else self.filled_bags, bag // 2)
        mine = self.books.bags[name]
        outcome = "ordered"
        if mine.coupon and not self.books.coupon_left:
            outcome = "coupon used up"
        elif not self.books.can_promise(minus(mine.lines, mine.held)):
            outcome = "sold out"
        cart, now, key = self.cart(name), timezone.now(), f"model:{next(self.numbers)}"

        def act() -> Order:
            return checkout.place_order(
                cart,
                user=None,
                contact=Contact("ada@example.com"),
                shipping_address=ADDRESS,
                billing_address=None,
                shipping_method="",
                payment_method=method,
                shown_total_minor=None,
                key=key,
                now=now,
            )

        refusals = (InsufficientStock, CouponUsedUp, CouponNotApplicable)
        if self.succeeds(act, outcome == "ordered", *refusals):
            order = Order.objects.get(idempotency_key=key)
            again = act()
            assert again.pk == order.pk, "the same key made a second order"
            self.take_down(order, name, mine)
        self.done("place order", outcome)

    def take_down(self, order: Order, name: str, bag: Bag) -> None:
        total = sum(PRICES[sku] * units for sku, units in bag.lines.items()) + FREIGHT - OFF * bag.coupon
        left = {line.sku: line.gross_minor for line in order.lines.all()} | {"": FREIGHT}
        assert sum(left.values()) == total
        sale = Sale(name, order.payment_method, Counter(bag.lines), total, left, bag.coupon)
        self.books.sales[order.public_id] = sale
        self.books.coupon_left -= bag.coupon
        bag.is_open = False
        bag.held.clear()
        assert checkout.start_payment(order, now=timezone.now())
        if sale.method == "stripe":
            sale.session = "open"
        elif sale.method == "cod":
            sale.status = "confirmed"

    @action(
        40,
        when=lambda self: self.sales_where(session="open", status="pending"),
        sale=anything,
        card=one_of(APPROVED, APPROVED, DECLINED),
    )
    def pay(self, sale: int, card: str) -> None:
        """At the provider; the shop has not heard of it."""
        name = pick(self.sales_where(session="open", status="pending"), sale)
        answer = self.sandbox.pay(self.payment(name), card)
        assert (answer.status_code == 303) == (card == APPROVED), answer.text
        if card == APPROVED:
            self.books.sales[name].session = "paid"
        self.done("pay", "approved" if card == APPROVED else "declined")

    @action(9, when=lambda self: self.sales_where(method="stripe"), sale=anything, times=between(1, 2))
    def settle(self, sale: int, times: int) -> None:
        """Redirect, webhook or reconciler: all ask the provider anew. Twice is as good as once."""
        late = self.sales_where(session="paid", captured=0, status="cancelled")
        news = self.sales_where(session="paid", captured=0)
        name = prefer(late * 3 + news, self.sales_where(method="stripe"), sale)
        mine = self.books.sales[name]
        for _ in range(times):
            payments.settle(self.payment(name), now=timezone.now())
        outcome = "as before"
        if mine.session == "paid" and not mine.captured:
            outcome = "confirmed" if mine.status == "pending" else "given back"
            self.money_arrives(mine)
        self.done("settle", outcome)

    def money_arrives(self, sale: Sale) -> None:
        sale.captured = sale.total
        if sale.status == "cancelled":
            sale.refunded = sale.total
        else:
            sale.status = "confirmed"

    @action(6, when=lambda self: self.sales_where(method="cod") + self.sales_where(method="invoice"), sale=anything)
    def book_money(self, sale: int) -> None:
        by_hand = self.sales_where(method="cod") + self.sales_where(method="invoice")
        name = pick(by_hand, sale)
        mine = self.books.sales[name]
        possible = mine.status != "cancelled" or bool(mine.captured)
        order, now = self.order(name), timezone.now()
        act = lambda: payments.record_manual_payment(order, actor="staff", now=now)  # noqa: E731
        if self.succeeds(act, possible, NotPayable, InvalidTransition) and not mine.captured:
            mine.captured = mine.total
            mine.status = "confirmed" if mine.status == "pending" else mine.status
        self.done("book money", "booked" if possible else "refused")

    @action(8, when=lambda self: self.due_sales, sale=anything)
    def time_is_up(self, sale: int) -> None:
        """The worker's job for orders that nobody paid: it ends them, unless the money is there after all."""
        name = prefer(self.sales_where(status="pending", session="paid"), self.due_sales, sale)
        mine, order, past = self.books.sales[name], self.order(name), timezone.now() - timedelta(seconds=1)
        Order.objects.filter(pk=order.pk).update(payment_due_at=past)
        Reservation.objects.open().filter(reference=order.reference).update(expires_at=past)
        ended = checkout.end_unpaid(timezone.now())
        if mine.session == "paid":
            self.money_arrives(mine)
        else:
            self.cancelled(mine)
            mine.session = "expired" if mine.session else ""
            self.books.bags[mine.bag].is_open = True
        assert ended == (mine.status == "cancelled")
        self.done("time is up", "ended" if ended else "paid after all")

    @action(9, when=lambda self: self.books.sales, sale=anything)
    def cancel(self, sale: int) -> None:
        # Money that the shop hears of after it cancelled the order is the hardest to get right.
        name = prefer(self.sales_where(session="paid", status="pending"), list(self.books.sales), sale)
        mine, order, now = self.books.sales[name], self.order(name), timezone.now()
        again = mine.status == "cancelled"
        possible = again or (mine.status in {"pending", "confirmed", "processing"} and not mine.shipped)
        act = lambda: orders.cancel_order(order, actor="staff", reason="model", now=now)  # noqa: E731
        if self.succeeds(act, possible, InvalidTransition) and not again:
            self.cancelled(mine)
        self.done("cancel", "again" if again else "cancelled" if possible else "too late")

    def cancelled(self, sale: Sale) -> None:
        sale.status, sale.close_due = "cancelled", True
        self.books.coupon_left += sale.coupon

    @action(4, when=lambda self: any(sale.close_due or sale.came_back for sale in self.books.sales.values()))
    def worker_hears(self) -> None:
        """Of a cancelled order nothing stays payable; what was paid for it, or for what came back, goes back, once."""
        outbox.relay(timezone.now())
        returned = False
        for sale in self.books.sales.values():
            if sale.close_due:
                sale.close_due = False
                sale.captured = sale.total if sale.session == "paid" else sale.captured
                sale.session = "expired" if sale.session == "open" else sale.session
                sale.refunded = sale.captured
                returned = returned or bool(sale.captured)
            for sku, units in sale.came_back:
                # As far as staff have not paid them back before.
                units = min(units, sale.units[sku] - sale.paid_back[sku])
                if sale.captured and units:
                    sale.give_back(sku, units)
                    returned = True
            sale.came_back.clear()
        self.done("worker hears", "money back" if returned else "closed")

    @action(
        16,
        when=lambda self: self.ready_sales or (self.steps % 5 == 0 and self.books.sales),
        sale=anything,
        part=anything,
    )
    def ship(self, sale: int, part: int) -> None:
        """All that has not left, or some units of one line."""
        ready = self.ready_sales
        lacking = [each for each in ready if not self.is_on_the_shelf(self.books.sales[each].promised)]
        name = prefer(lacking * 3 + ready * 3 + self.sales_where(status="shipped"), list(self.books.sales), sale)
        mine, order, now = self.books.sales[name], self.order(name), timezone.now()
        units, quantities = Counter(mine.promised), None
        if name in ready and part % 4:
            sku = pick(sorted(units), part)
            units = Counter({sku: 1 + part % units[sku]})
            quantities = {order.lines.get(sku=sku).public_id: units[sku]}
        outcome = "refused"
        if name in ready:
            on_shelf = self.is_on_the_shelf(units)
            outcome = "not on the shelf" if not on_shelf else "a part" if units != mine.promised else "the rest"
        elif mine.status == "shipped":
            outcome = "again"
        act = lambda: orders.ship(order, quantities=quantities, actor="staff", now=now)  # noqa: E731
        possible = outcome not in {"refused", "not on the shelf"}
        if self.succeeds(act, possible, InvalidTransition, StockBelowZero) and outcome != "again":
            self.books.shelf.subtract(units)
            mine.shipped += units
            mine.status = "shipped" if mine.shipped == mine.units else "processing"
        self.done("ship", outcome)

    @action(5, when=lambda self: self.books.sales, sale=anything)
    def deliver(self, sale: int) -> None:
        name = prefer(self.sales_where(status="shipped"), list(self.books.sales), sale)
        mine, order, now = self.books.sales[name], self.order(name), timezone.now()
        possible = mine.status in {"shipped", "delivered"}
        act = lambda: orders.deliver(order, actor="staff", now=now)  # noqa: E731
        if self.succeeds(act, possible, InvalidTransition):
            mine.status = "delivered"
        self.done("deliver", "delivered" if possible else "refused")

    @action(4, when=lambda self: self.paid_sales, sale=anything, line=anything, units=between(1, 3), freight=anything)
    def refund(self, sale: int, line: int, units: int, freight: int) -> None:
        name = pick(self.paid_sales, sale)
        mine, order, now = self.books.sales[name], self.order(name), timezone.now()
        sku = pick(sorted(mine.units), line)
        shipping = freight % (mine.left[""] + 1)
        possible = units <= mine.units[sku] - mine.paid_back[sku]
        quantities, key = {order.lines.get(sku=sku).public_id: units}, f"model:{next(self.numbers)}"
        for _ in range(2):
            # The same key again is the same refund.
            act = lambda: payments.refund_lines(  # noqa: E731
                order, quantities, shipping_minor=shipping, reason="model", key=key, now=now
            )
            self.succeeds(act, possible, NothingLeft)
        if possible:
            mine.give_back(sku, units)
            mine.left[""] -= shipping
            mine.refunded += shipping
        self.done("refund", "given back" if possible else "nothing left")

    @action(
        14,
        when=lambda self: self.sales_where(status="delivered") or (self.steps % 5 == 0 and self.books.sales),
        sale=anything,
        line=anything,
        units=between(1, 3),
        disposition=one_of("restock", "damaged", "discard"),
    )
    def come_back(self, sale: int, line: int, units: int, disposition: Disposition) -> None:
        name = prefer(self.sales_where(status="delivered"), list(self.books.sales), sale)
        mine, order, now = self.books.sales[name], self.order(name), timezone.now()
        sku = pick(sorted(mine.units), line)
        item = ReturnItem(order.lines.get(sku=sku).public_id, units, "changed_mind")
        possible = mine.status == "delivered" and units <= mine.shipped[sku] - mine.returned[sku]

        def act() -> None:
            found = orders.request_return(order, [item], actor="guest", now=now)
            orders.approve_return(found, actor="staff", now=now)
            for _ in range(2):
                orders.receive_return(found, {item.line: disposition}, actor="staff", now=now)

        if self.succeeds(act, possible, ReturnRefused, TooManyUnits):
            mine.returned[sku] += units
            mine.came_back.append((sku, units))
            self.books.shelf[sku] += units if disposition == "restock" else 0
        self.done("come back", "received" if possible else "refused")

    # --- What the rules choose from: the oldest first, for the names are random and a seed must find the same again

    @property
    def open_bags(self) -> list[str]:
        return [name for name, bag in self.books.bags.items() if bag.is_open]

    @property
    def filled_bags(self) -> list[str]:
        return [name for name in self.open_bags if self.books.bags[name].lines]

    @property
    def holding_bags(self) -> list[str]:
        return [name for name in self.open_bags if self.books.bags[name].held.total()]

    def sales_where(self, **values: object) -> list[str]:
        sales = self.books.sales.items()
        return [name for name, sale in sales if all(getattr(sale, of) == is_ for of, is_ in values.items())]

    @property
    def due_sales(self) -> list[str]:
        return [name for name in self.sales_where(status="pending") if self.books.sales[name].method != "cod"]

    @property
    def paid_sales(self) -> list[str]:
        """Of those that live: what is left of the others goes back when the worker hears of them."""
        sales = self.books.sales.items()
        return [name for name, sale in sales if sale.captured and sale.status != "cancelled"]

    @property
    def ready_sales(self) -> list[str]:
        return self.sales_where(status="confirmed") + self.sales_where(status="processing")

    def is_on_the_shelf(self, units: Counter[str]) -> bool:
        return all(self.books.shelf[sku] >= wanted for sku, wanted in units.items())

    def cart(self, name: str) -> CartSnapshot:
        return CartSnapshot.objects.get(public_id=name)

    def order(self, name: str) -> Order:
        return Order.objects.get(public_id=name)

    def payment(self, name: str) -> Payment:
        return Payment.objects.select_related("order").get(order__public_id=name)

    # --- What must be true

    def succeeds(self, act: Callable[[], object], possible: bool, *refusals: type[Exception]) -> bool:
        try:
            act()
        except refusals as refusal:
            assert not possible, f"refused what the books allow: {refusal}"
            return False
        assert possible, "did what the books forbid"
        return True

    def done(self, name: str, outcome: str) -> None:
        self.tally[name, outcome] += 1
        self.steps += 1
        self.compare()
        if self.steps % CHECK_EVERY == 0:
            assert broken() == {}

    def teardown(self) -> None:
        assert broken() == {}

    def compare(self) -> None:
        for item in StockItem.objects.with_available():
            sku, books = item.sku, self.books
            counted = (books.shelf[sku], books.reserved(sku), books.shortfall(sku), books.available(sku))
            assert (item.on_hand, item.reserved, item.shortfall, item.available) == counted, sku
        paid = {
            order: (captured, refunded)
            for order, captured, refunded in Payment.objects.values_list(
                "order__public_id", "captured_minor", "refunded_minor"
            )
        }
        rows = Order.objects.values_list("public_id", "status", "payment_status", "total_minor")
        theirs = {name: (*row, *paid.get(name, (0, 0))) for name, *row in rows}
        assert theirs == {
            name: (sale.status, sale.payment_status, sale.total, sale.captured, sale.refunded)
            for name, sale in self.books.sales.items()
        }
        promised = Counter({(reference, sku): units for reference, sku, units in self.open_reservations()})
        ours = {(f"cart:{name}", sku): n for name, bag in self.books.bags.items() for sku, n in bag.held.items()}
        ours |= {
            (f"order:{name}", sku): n for name, sale in self.books.sales.items() for sku, n in sale.promised.items()
        }
        assert promised == Counter(ours)

    @staticmethod
    def open_reservations() -> list[tuple[str, str, int]]:
        return list(Reservation.objects.open().values_list("reference", "sku").annotate(units=F("quantity")))


def minus(wanted: Counter[str], held: Counter[str]) -> Counter[str]:
    """Signed, unlike Counter's own difference: what sinks makes no room before the promise of the rest."""
    return Counter({sku: wanted[sku] - held[sku] for sku in wanted})
