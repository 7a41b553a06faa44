"""Writes a `Plan` into a new shop: its people, prices, orders, money, parcels, stock and reviews, with their own dates.

The verbs of the shop date what they do by the clock and tell of it by mail, so the past can't be made by them. What
computes is theirs all the same: prices, freight, orders, promotions. The rest are rows, which the invariants check.
"""

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Avg, Count, prefetch_related_objects
from django.utils import timezone

from accounts.models import Address, User
from catalog.models import PriceChange, Product, Variant
from catalog.operations import set_rating
from catalog.queries import item_of
from inventory import operations as inventory
from inventory.models import Reservation, StockItem, StockMovement
from orders import operations as orders
from orders.models import Order, OrderEvent, Shipment, ShipmentLine
from payments import queries as payment_queries
from payments.models import Payment, PaymentEvent, Refund
from pricing import operations as pricing
from pricing.models import Phase, Promotion
from pricing.operations import Customer, Destination, Freight, Quote
from pricing.queries import offers
from reviews.models import Review
from shipping.queries import Option, options, tracking_link
from shop.models import OutboxEvent

from .past_payments import PREFIX
from .plan import SALE_ROOM, Person, Plan, Purchase

SALE = {
    "name": "Kitchen fortnight",
    "action": "percent",
    "percent": Decimal(12),
    "targets": ["category:kitchen"],
    "excludes_sale_items": True,
}
ACTOR = "demo"
STILL_UNREAD = 2
CARRIER = "DHL"
ADDRESS = ("full_name", "line1", "line2", "city", "region", "postal_code", "country", "phone")

Status, PaymentStatus, FulfillmentStatus = Order.Status, Order.PaymentStatus, Order.FulfillmentStatus
Kind, Happened = PaymentEvent.Kind, PaymentEvent.Phase
CAPTURE, REQUEST, SUCCESS = Kind.CAPTURE, Happened.REQUEST, Happened.SUCCESS


def plan_for(now: datetime, *, customer: User | None) -> Plan:
    """The days before the one that `now` is in."""
    own = customer.addresses.first() if customer else None
    address = {name: getattr(own, name, "") for name in ADDRESS}
    address["country"] = address["country"] or settings.SHOP_COUNTRY
    person = Person(address["full_name"], customer.email if customer else "", address, True)
    return Plan(
        day=timezone.localdate(now),
        home=settings.SHOP_COUNTRY,
        customer=person,
        invoice_days=settings.SHOP_INVOICE_DAYS,
    )


def is_new(plan: Plan) -> bool:
    """Whether the shop has neither sold anything nor had any of the plan's articles on its shelves."""
    skus = list(plan.by_sku)
    return not (Order.objects.exists() or StockMovement.objects.filter(sku__in=skus).exists())


def stock_anew(plan: Plan) -> None:
    """Puts on the shelves what came without a history: articles that a later release of the demo brings along."""
    moved = set(StockMovement.objects.filter(sku__in=list(plan.by_sku)).values_list("sku", flat=True))
    for article in sorted(plan.articles, key=lambda article: article.sku):
        if article.stock and article.sku not in moved:
            with transaction.atomic():
                inventory.receive(article.sku, article.stock, reason="opening stock", actor=ACTOR)


@transaction.atomic
def write(plan: Plan, *, staff: User, customer: User) -> None:
    """All or nothing, and without a mail: what is told of the past is deleted before it is heard.

    Only for a shop that `is_new` and has the plan's articles, without stock. Locks: everything it writes.
    """
    history = History(plan, staff)
    history.meet_people(customer)
    history.price_variants()
    for purchase in plan.purchases:
        history.order(purchase)
    history.keep_books()
    history.fill_shelves()
    history.publish_opinions()
    OutboxEvent.objects.filter(payload__order_id__in=[order.public_id for order, _ in history.placed]).delete()


@dataclass(frozen=True)
class Step:
    """A row of an order's history."""

    type: str
    at: datetime
    actor: str
    to: str = ""
    payload: Mapping[str, Any] | None = None


class History:
    def __init__(self, plan: Plan, staff: User) -> None:
        self.plan, self.staff = plan, staff
        self.users: dict[str, User] = {}
        self.placed: list[tuple[Order, Purchase]] = []
        variants = Variant.objects.select_related("product__tax_class", "product__category", "product__brand")
        self.variants = {variant.sku: variant for variant in variants.filter(sku__in=list(plan.by_sku))}
        self.in_sale: dict[str, Variant] = {}

    # --- People and prices

    def meet_people(self, customer: User) -> None:
        first = {purchase.buyer.email: purchase.placed_at for purchase in reversed(self.plan.purchases)}
        made = []
        for number, person in enumerate(self.plan.customers):
            joined = first.get(person.email, self.plan.until - timedelta(days=3)) - timedelta(minutes=11 + number)
            name, _, surname = person.name.partition(" ")
            user = User(email=person.email, first_name=name, last_name=surname, created_at=joined)
            user.email_verified_at = joined + timedelta(minutes=3)
            user.set_unusable_password()
            made.append(user)
        User.objects.bulk_create(made)
        Address.objects.bulk_create(
            Address(user=user, created_at=user.created_at, **person.address)
            for user, person in zip(made, self.plan.customers, strict=True)
        )
        User.objects.filter(pk__in=[self.staff.pk, customer.pk]).update(created_at=self.plan.start)
        customer.addresses.update(created_at=self.plan.start)
        self.users = {user.email: user for user in [*made, customer]}

    def price_variants(self) -> None:
        """What was asked for each variant since it came, with a sale of a fortnight that is over."""
        began, ended = self.plan.sale
        sale = Promotion.objects.create(
            phase=Phase.CATALOGUE, starts_at=began, ends_at=ended, created_at=began - timedelta(days=2), **SALE
        )
        changes = []
        for sku, variant in self.variants.items():
            listed: dict[str, Any] = {"price_minor": variant.price_minor, "compare_at_minor": variant.compare_at_minor}
            changes.append((self.plan.by_sku[sku].came, variant, listed))
            if self.plan.by_sku[sku].room == SALE_ROOM and not variant.compare_at_minor:
                reduced = copy(variant)
                reduced.sale_price_minor, reduced.sale_until = (
                    variant.price_minor - sale.off(variant.price_minor),
                    ended,
                )
                self.in_sale[sku] = reduced
                lowered = {"price_minor": reduced.sale_price_minor, "compare_at_minor": variant.price_minor}
                changes.append((began, variant, lowered | {"sale": sale.name}))
                changes.append((ended, variant, listed))
        PriceChange.objects.bulk_create(
            PriceChange(variant=variant, at=moment, actor=ACTOR, **values)
            for moment, variant, values in sorted(changes, key=lambda change: (change[0], change[1].pk))
        )

    # --- Orders

    def order(self, purchase: Purchase) -> None:
        now, user = purchase.placed_at, self.users.get(purchase.buyer.email)
        customer = self._customer_of(purchase)
        option = self._option(purchase)
        quote = self._quote(purchase, option, customer)
        order = orders.create_order(
            quote,
            user=user,
            contact=orders.Contact(purchase.buyer.email),
            shipping_address=purchase.buyer.address,
            billing_address=purchase.buyer.address,
            payment_method=purchase.method,
            payment_due_at=payment_queries.payment_due_at(purchase.method, now),
            cart_reference="",
            idempotency_key=f"{ACTOR}:{len(self.placed)}",
            now=now,
            arrives=(option.first, option.last),
            pickup_address=option.pickup_address,
        )
        pricing.claim(quote.applied, reference=order.reference, customer=customer.key, now=now)
        if purchase.cancelled_at:
            pricing.give_back(order.reference)
        self.placed.append((order, purchase))

    def _customer_of(self, purchase: Purchase) -> Customer:
        earlier = any(other.buyer == purchase.buyer for _, other in self.placed)
        return Customer(pricing.customer_key(purchase.buyer.email), is_new=not earlier)

    def _variant(self, sku: str, moment: datetime) -> Variant:
        began, ended = self.plan.sale
        return self.in_sale.get(sku, self.variants[sku]) if began <= moment < ended else self.variants[sku]

    def _option(self, purchase: Purchase) -> Option:
        bought = [(self._variant(sku, purchase.placed_at), count) for sku, count in purchase.lines.items()]
        offered = options(
            country=purchase.buyer.address["country"],
            postal_code=purchase.buyer.address["postal_code"],
            goods_minor=sum(variant.price_at(purchase.placed_at) * count for variant, count in bought),
            weight_grams=sum((variant.weight_grams or 0) * count for variant, count in bought),
            quantity=sum(purchase.lines.values()),
            now=purchase.placed_at,
        )
        return next((option for option in offered if option.code == purchase.way), offered[0])

    def _quote(self, purchase: Purchase, option: Option, customer: Customer) -> Quote:
        now, address = purchase.placed_at, purchase.buyer.address
        return pricing.quote(
            [item_of(self._variant(sku, now), quantity=count, now=now) for sku, count in purchase.lines.items()],
            destination=Destination(address["country"], "", address["postal_code"]),
            freight=Freight(option.code, option.name, option.price_minor, option.method.tax_class),
            currency=settings.SHOP_CURRENCY,
            prices_include_tax=settings.SHOP_PRICES_INCLUDE_TAX,
            day=timezone.localdate(now),
            offers=offers([purchase.code] if purchase.code else [], customer=customer, now=now),
        )

    # --- What became of them

    def keep_books(self) -> None:
        prefetch_related_objects([order for order, _ in self.placed], "lines")
        events: list[OrderEvent] = []
        payments: list[Payment] = []
        parcels: list[Shipment] = []
        for order, purchase in self.placed:
            payment = _payment(order, purchase)
            payments.append(payment)
            status = Status.PENDING
            steps = self._steps(order, purchase, payment)
            for step in steps:
                events.append(_event(order, step, status))
                status = Status(step.to) if step.to else status
            _conclude(order, purchase, status, steps)
            if purchase.shipped_at:
                parcels.append(_parcel(order, purchase, len(parcels)))
        fields = ["status", "payment_status", "fulfillment_status", "payment_due_at", "updated_at"]
        Order.objects.bulk_update([order for order, _ in self.placed], fields)
        OrderEvent.objects.bulk_create(sorted(events, key=lambda event: event.created_at))
        Payment.objects.bulk_create(payments)
        refunds = [_refund(payment, purchase) for payment, (_, purchase) in self._paid_back(payments)]
        Refund.objects.bulk_create(refunds)
        PaymentEvent.objects.bulk_create(self._money(payments, refunds))
        Shipment.objects.bulk_create(parcels)
        by_order = {parcel.order_id: parcel for parcel in parcels}
        lines = [line for order, _ in self.placed for line in order.lines.all() if order.pk in by_order]
        ShipmentLine.objects.bulk_create(
            ShipmentLine(shipment=by_order[line.order_id], order_line=line, quantity=line.quantity) for line in lines
        )

    def _steps(self, order: Order, purchase: Purchase, payment: Payment) -> list[Step]:
        """The order's own events after `placed`, the earliest first."""
        system, staff = orders.SYSTEM, self.staff.public_id
        buyer = order.user.public_id if order.user else "guest"
        steps = []
        if purchase.method == Order.PaymentMethod.COD:
            steps.append(Step("confirmed", purchase.placed_at, system, Status.CONFIRMED))
        if purchase.paid_at:
            steps.append(Step("paid", purchase.paid_at, system, payload={"payment": payment.public_id}))
            if purchase.method != Order.PaymentMethod.COD:
                steps.append(Step("confirmed", purchase.paid_at, system, Status.CONFIRMED))
        if purchase.packed_at:
            steps.append(Step("processing", purchase.packed_at, staff, Status.PROCESSING))
        if purchase.shipped_at:
            steps.append(Step("shipped", purchase.shipped_at, staff, Status.SHIPPED))
        if purchase.delivered_at:
            steps.append(Step("delivered", purchase.delivered_at, staff, Status.DELIVERED))
        if purchase.cancelled_at:
            who, why = (system, "not paid in time") if purchase.is_forgotten else (buyer, "cancelled by the buyer")
            steps.append(Step("cancelled", purchase.cancelled_at, who, Status.CANCELLED, {"reason": why}))
        if purchase.refunded_at:
            steps.append(Step(f"payment_{_refunded_status(purchase)}", purchase.refunded_at, system))
        return sorted(steps, key=lambda step: step.at)

    def _paid_back(self, payments: list[Payment]) -> list[tuple[Payment, tuple[Order, Purchase]]]:
        return [pair for pair in zip(payments, self.placed, strict=True) if pair[0].refunded_minor]

    def _money(self, payments: list[Payment], refunds: list[Refund]) -> list[PaymentEvent]:
        given_back = {refund.payment_id: refund for refund in refunds}
        rows = []
        for payment, (_, purchase) in zip(payments, self.placed, strict=True):
            rows += _money_of(payment, purchase, given_back.get(payment.pk), actor=self.staff.public_id)
        return sorted(rows, key=lambda row: row.created_at)

    # --- Stock

    def fill_shelves(self) -> None:
        """Promises, parcels and receipts by their dates, and the counters that follow from them."""
        warehouse = inventory.default_warehouse()
        promises = [
            _promise(order, purchase, line.sku, line.quantity, warehouse.pk)
            for order, purchase in self.placed
            for line in order.lines.all()
        ]
        Reservation.objects.bulk_create(promises)
        shipped_at = {order.reference: p.shipped_at for order, p in self.placed if p.shipped_at}
        movements = [
            StockMovement(
                sku=receipt.sku,
                warehouse=warehouse,
                kind=StockMovement.Kind.RECEIPT,
                quantity=receipt.quantity,
                reason=receipt.reason,
                actor=self.staff.public_id,
                created_at=receipt.at,
            )
            for receipt in self.plan.receipts
        ]
        movements += [
            StockMovement(
                sku=promise.sku,
                warehouse=warehouse,
                kind=StockMovement.Kind.SHIPMENT,
                quantity=-promise.quantity,
                reference=promise.reference,
                actor=self.staff.public_id,
                idempotency_key=f"ship:{promise.pk}",
                created_at=shipped_at[promise.reference],
            )
            for promise in promises
            if promise.state == Reservation.State.FULFILLED
        ]
        StockMovement.objects.bulk_create(sorted(movements, key=lambda movement: movement.created_at))
        self._count_shelves(promises, movements)

    def _count_shelves(self, promises: list[Reservation], movements: list[StockMovement]) -> None:
        on_hand: dict[str, int] = dict.fromkeys(self.plan.by_sku, 0)
        reserved, sold_at = dict(on_hand), dict.fromkeys(on_hand, self.plan.start)
        for movement in movements:
            on_hand[movement.sku] += movement.quantity
        for promise in promises:
            sold_at[promise.sku] = max(sold_at[promise.sku], promise.created_at)
            if promise.state == Reservation.State.OPEN:
                reserved[promise.sku] += promise.quantity
        items = list(StockItem.objects.select_for_update().filter(sku__in=list(on_hand)).order_by("sku"))
        for item in items:
            item.on_hand, item.reserved, item.updated_at = on_hand[item.sku], reserved[item.sku], sold_at[item.sku]
            # Staff have been told: else the first sweep would write of all that is low.
            item.low_stock_at = sold_at[item.sku] if item.available <= item.low_stock_threshold else None
        StockItem.objects.bulk_update(items, ["on_hand", "reserved", "updated_at", "low_stock_at"])

    # --- Reviews

    def publish_opinions(self) -> None:
        products = {product.name: product for product in Product.objects.filter(name__in=self.plan.by_product)}
        orders_of = {id(purchase): order for order, purchase in self.placed}
        of_sku = {sku: article.product for sku, article in self.plan.by_sku.items()}
        rows = []
        for place, opinion in enumerate(self.plan.opinions):
            order = orders_of[id(opinion.purchase)]
            line = next(line for line in order.lines.all() if of_sku[line.sku] == opinion.product)
            is_read = place < len(self.plan.opinions) - STILL_UNREAD
            rows.append(
                Review(
                    product=products[opinion.product],
                    user=self.users[opinion.purchase.buyer.email],
                    order_line=line,
                    rating=opinion.rating,
                    title=opinion.title,
                    text=opinion.text,
                    staff_reply=opinion.reply if is_read else "",
                    state=Review.State.PUBLISHED if is_read else Review.State.PENDING,
                    created_at=opinion.at,
                    updated_at=opinion.at,
                )
            )
        Review.objects.bulk_create(rows)
        published = Review.objects.published().order_by().values("product_id")
        for row in published.annotate(average=Avg("rating"), count=Count("pk")):
            product = next(each for each in products.values() if each.pk == row["product_id"])
            average = Decimal(str(row["average"])).quantize(Decimal("0.01"))
            set_rating(product, average=average, count=row["count"])


# --- Rows


def _event(order: Order, step: Step, status: str) -> OrderEvent:
    return OrderEvent(
        order=order,
        type=step.type,
        from_status=status if step.to else "",
        to_status=step.to,
        actor=step.actor,
        payload=dict(step.payload or {}),
        created_at=step.at,
    )


def _conclude(order: Order, purchase: Purchase, status: str, steps: list[Step]) -> None:
    order.status = status
    if status != Status.PENDING:
        order.payment_due_at = None
    if purchase.shipped_at:
        order.fulfillment_status = FulfillmentStatus.FULFILLED
    if purchase.refunded_at:
        order.payment_status = _refunded_status(purchase)
    elif purchase.paid_at:
        order.payment_status = PaymentStatus.PAID
    elif purchase.cancelled_at:
        order.payment_status = PaymentStatus.VOIDED
    order.updated_at = steps[-1].at if steps else purchase.placed_at


def _refunded_status(purchase: Purchase) -> str:
    return PaymentStatus.REFUNDED if purchase.refunded_percent == 100 else PaymentStatus.PARTIALLY_REFUNDED


def _payment(order: Order, purchase: Purchase) -> Payment:
    payment = Payment(
        order=order,
        provider=purchase.method,
        currency=order.currency,
        amount_minor=order.total_minor,
        created_at=purchase.placed_at,
        updated_at=order.updated_at,
    )
    is_card = purchase.method == Order.PaymentMethod.STRIPE
    # Settled, so that no reconciler asks about it. Ids of their own for each new shop: the stand-in keeps what it knew.
    payment.external_id = f"{PREFIX}{payment.public_id}" if is_card else payment.public_id
    payment.expires_at = order.payment_due_at and order.payment_due_at - payment_queries.GRACE
    if purchase.paid_at:
        payment.status, payment.captured_minor = Payment.Status.CAPTURED, order.total_minor
        payment.updated_at = purchase.refunded_at or purchase.paid_at
    elif purchase.cancelled_at:
        payment.status, payment.updated_at = Payment.Status.VOIDED, purchase.cancelled_at
    if purchase.refunded_at:
        payment.refunded_minor = order.total_minor * purchase.refunded_percent // 100
    return payment


def _refund(payment: Payment, purchase: Purchase) -> Refund:
    assert purchase.refunded_at
    refund = Refund(payment=payment, amount_minor=payment.refunded_minor, status=Refund.Status.SUCCEEDED)
    refund.reason = "order cancelled" if purchase.cancelled_at else "arrived damaged"
    refund.external_id = f"re_demo_{payment.public_id}" if payment.provider == "stripe" else refund.public_id
    refund.idempotency_key, refund.created_at = f"{payment.public_id}:rest:0", purchase.refunded_at
    return refund


def _money_of(payment: Payment, purchase: Purchase, refund: Refund | None, *, actor: str) -> list[PaymentEvent]:
    """What was asked and answered about one payment, as `payments.operations` records it."""
    name, whole = payment.public_id, payment.amount_minor
    is_card = payment.provider == Order.PaymentMethod.STRIPE
    asked = {} if is_card else {"reference": payment.order.number}
    rows: list[tuple[str, str, str, int, datetime, dict[str, Any]]] = [
        (CAPTURE, REQUEST, f"{name}:request", whole, purchase.placed_at, {"payload": asked})
    ]
    if purchase.paid_at:
        said = {"external_ref": f"pi_demo_{name}"} if is_card else {"payload": {"actor": actor}}
        rows.append((CAPTURE, SUCCESS, f"{name}:capture", whole, purchase.paid_at, said))
    elif purchase.cancelled_at:
        ended = {"payload": {"status": Payment.Status.VOIDED}}
        rows.append((Kind.VOID, SUCCESS, f"{name}:end", whole, purchase.cancelled_at, ended))
    if refund:
        key, amount, moment = refund.public_id, refund.amount_minor, refund.created_at
        rows.append((Kind.REFUND, REQUEST, f"{key}:request", amount, moment, {}))
        rows.append((Kind.REFUND, SUCCESS, f"{key}:success", amount, moment, {"external_ref": refund.external_id}))
    return [
        PaymentEvent(
            payment=payment, kind=kind, phase=phase, idempotency_key=key, amount_minor=amount, created_at=moment, **more
        )
        for kind, phase, key, amount, moment, more in rows
    ]


def _parcel(order: Order, purchase: Purchase, number: int) -> Shipment:
    parcel = Shipment(order=order, shipped_at=purchase.shipped_at, delivered_at=purchase.delivered_at)
    if not order.pickup_address:
        parcel.carrier, parcel.tracking_number = CARRIER, f"00340434{number:012d}"
        parcel.tracking_url = tracking_link(order.shipping_method, parcel.tracking_number)
    if purchase.delivered_at:
        parcel.status = Shipment.Status.DELIVERED
    return parcel


def _promise(order: Order, purchase: Purchase, sku: str, quantity: int, warehouse_id: int) -> Reservation:
    state = Reservation.State.OPEN
    if purchase.shipped_at:
        state = Reservation.State.FULFILLED
    elif purchase.cancelled_at:
        state = Reservation.State.RELEASED
    return Reservation(
        reference=order.reference,
        sku=sku,
        warehouse_id=warehouse_id,
        quantity=quantity,
        kind=Reservation.Kind.ALLOCATION,
        state=state,
        expires_at=order.payment_due_at,
        created_at=purchase.placed_at,
    )
