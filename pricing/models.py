from collections.abc import Collection
from datetime import date, datetime
from decimal import Decimal
from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Upper
from django.utils import timezone

from shop.ids import PublicIdField
from shop.money import half_up


class TaxClass(models.Model):
    code = models.SlugField(max_length=32, unique=True)
    name = models.CharField(max_length=100)

    class Meta:
        verbose_name_plural = "tax classes"
        ordering = ["code"]

    def __str__(self) -> str:
        return self.name


class TaxRateQuerySet(models.QuerySet["TaxRate"]):
    def valid_on(self, day: date) -> Self:
        return self.filter(Q(valid_until__isnull=True) | Q(valid_until__gte=day), valid_from__lte=day)


class TaxRate(models.Model):
    """What a country, or one of its regions, takes of a class of goods while it is valid."""

    tax_class = models.ForeignKey(TaxClass, on_delete=models.CASCADE, related_name="rates")
    country = models.CharField(max_length=2)
    region = models.CharField(max_length=120, blank=True, help_text="Empty: the whole country.")
    rate = models.DecimalField(max_digits=6, decimal_places=5, help_text="0.19 is 19 %.")
    valid_from = models.DateField(default=date(2000, 1, 1))
    valid_until = models.DateField(null=True, blank=True)

    objects = TaxRateQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tax_class", "country", "region", "valid_from"], name="tax_rate_once"),
            models.CheckConstraint(condition=Q(rate__gte=0, rate__lt=1), name="tax_rate_is_a_share"),
        ]
        ordering = ["country", "region", "tax_class"]

    def __str__(self) -> str:
        return f"{self.tax_class} in {self.country} {self.region}: {self.rate * Decimal(100):.2f} %"


class Phase(models.TextChoices):
    """When a promotion is computed; each works on what the ones before it have left."""

    CATALOGUE = "catalogue", "The price in the shop"
    LINE = "line", "Articles in the bag"
    ORDER = "order", "The order as a whole"
    SHIPPING = "shipping", "Delivery"


class Action(models.TextChoices):
    PERCENT = "percent", "Percent off"
    AMOUNT = "amount", "Amount off"
    FIXED_PRICE = "fixed_price", "Fixed price"
    BUY_X_GET_Y = "buy_x_get_y", "Buy some, get some free"
    FREE_SHIPPING = "free_shipping", "Free delivery"


ACTIONS = {
    Phase.CATALOGUE: (Action.PERCENT, Action.AMOUNT, Action.FIXED_PRICE),
    Phase.LINE: (Action.PERCENT, Action.AMOUNT, Action.FIXED_PRICE, Action.BUY_X_GET_Y),
    Phase.ORDER: (Action.PERCENT, Action.AMOUNT),
    Phase.SHIPPING: (Action.PERCENT, Action.AMOUNT, Action.FIXED_PRICE, Action.FREE_SHIPPING),
}


def all_phases() -> list[str]:
    return list(Phase.values)


def _within_its_limit() -> Q:
    return Q(usage_limit__isnull=True) | Q(used__lte=F("usage_limit"))


def _ends_after_it_starts() -> Q:
    return Q(starts_at__isnull=True) | Q(ends_at__isnull=True) | Q(ends_at__gt=F("starts_at"))


def _action_fits() -> Q:
    """One of the actions of its phase, with the value that it needs."""
    fits = Q()
    for phase, actions in ACTIONS.items():
        fits |= Q(phase=phase, action__in=actions)
    return fits & (
        Q(action=Action.PERCENT, percent__isnull=False)
        | Q(action__in=[Action.AMOUNT, Action.FIXED_PRICE], amount_minor__isnull=False)
        # To a CHECK, unknown is good enough: what compares must not be NULL.
        | Q(action=Action.BUY_X_GET_Y, buy_quantity__isnull=False, buy_quantity__gte=1)
        & Q(get_quantity__isnull=False, get_quantity__gte=1)
        | Q(action=Action.FREE_SHIPPING)
    )


class PromotionQuerySet(models.QuerySet["Promotion"]):
    def running(self, now: datetime) -> Self:
        return self.filter(
            Q(starts_at__isnull=True) | Q(starts_at__lte=now),
            Q(ends_at__isnull=True) | Q(ends_at__gt=now),
            is_active=True,
        )


class Promotion(models.Model):
    """What is taken off, of what, when and for whom. Amounts in minor units of the shop's currency.

    Targets are the tags of articles: `sku:MUG-T`, `product:prod_...`, `category:table/mugs` (what is below it too),
    `brand:loam`. No targets: everything.
    """

    public_id = PublicIdField("promo")
    name = models.CharField(max_length=100, help_text="Shown to shoppers beside what it takes off.")
    phase = models.CharField("what it lowers", max_length=10, choices=Phase, default=Phase.ORDER)
    action = models.CharField("how", max_length=16, choices=Action, default=Action.PERCENT)
    percent = models.DecimalField(max_digits=6, decimal_places=3, null=True, blank=True)
    amount_minor = models.BigIntegerField("amount", null=True, blank=True, validators=[MinValueValidator(0)])
    buy_quantity = models.PositiveSmallIntegerField("buy", null=True, blank=True)
    get_quantity = models.PositiveSmallIntegerField("get free", null=True, blank=True)

    targets = ArrayField(models.CharField(max_length=520), default=list, blank=True)
    excluded_targets = ArrayField(models.CharField(max_length=520), default=list, blank=True)
    excludes_sale_items = models.BooleanField("not for articles on sale", default=False)
    min_goods_minor = models.BigIntegerField(
        "for goods of at least", default=0, validators=[MinValueValidator(0)], help_text="Of the articles it is for."
    )
    min_quantity = models.PositiveIntegerField("for at least so many pieces", default=0)
    countries = ArrayField(
        models.CharField(max_length=2), default=list, blank=True, help_text="Where it is delivered to. Empty: anywhere."
    )
    new_customers_only = models.BooleanField("only for a first order", default=False)

    needs_coupon = models.BooleanField("only with a code", default=False)
    is_active = models.BooleanField("switched on", default=True)
    starts_at = models.DateTimeField("starts", null=True, blank=True)
    ends_at = models.DateTimeField("ends", null=True, blank=True)
    usage_limit = models.PositiveIntegerField("orders in all", null=True, blank=True, help_text="Empty: no limit.")
    usage_limit_per_customer = models.PositiveIntegerField(
        "orders for each customer", null=True, blank=True, help_text="Empty: no limit."
    )
    used = models.PositiveIntegerField(default=0, editable=False, help_text="Counted while a limit stands.")

    priority = models.SmallIntegerField(default=100, help_text="Lower goes first.")
    exclusive_group = models.SlugField(
        max_length=40, blank=True, help_text="Of one group only the first that applies is used."
    )
    combines_with = ArrayField(
        models.CharField(max_length=10, choices=Phase),
        default=all_phases,
        blank=True,
        help_text="Of two promotions each must allow the other.",
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = PromotionQuerySet.as_manager()

    class Meta:
        ordering = ["priority", "id"]
        constraints = [
            models.CheckConstraint(condition=_action_fits(), name="promotion_action_fits"),
            models.CheckConstraint(
                condition=Q(percent__isnull=True) | Q(percent__gte=0, percent__lte=100), name="promotion_percent"
            ),
            models.CheckConstraint(
                condition=Q(amount_minor__isnull=True) | Q(amount_minor__gte=0), name="promotion_amount_not_negative"
            ),
            models.CheckConstraint(condition=Q(min_goods_minor__gte=0), name="promotion_min_goods_not_negative"),
            models.CheckConstraint(condition=_ends_after_it_starts(), name="promotion_ends_after_it_starts"),
            models.CheckConstraint(condition=_within_its_limit(), name="promotion_within_its_limit"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_counted(self) -> bool:
        """Whether orders queue to use it: without a limit no order of the shop should wait for the one before."""
        return self.usage_limit is not None or self.limit_per_customer is not None

    @property
    def limit_per_customer(self) -> int | None:
        """A first order is one: two at the same moment must not both be it."""
        return 1 if self.new_customers_only else self.usage_limit_per_customer

    def covers(self, tags: Collection[str]) -> bool:
        """Whether an article with these tags is one that it is for."""
        wanted = not self.targets or any(target in tags for target in self.targets)
        return wanted and not any(target in tags for target in self.excluded_targets)

    def off(self, price_minor: int, quantity: int = 1) -> int:
        """What it takes off a price that stands for `quantity` pieces; at most all of it. For a percentage, half up."""
        match self.action:
            case Action.PERCENT:
                return half_up(price_minor * (self.percent or Decimal(0)) / 100)
            case Action.AMOUNT:
                return min(price_minor, (self.amount_minor or 0) * quantity)
            case Action.FIXED_PRICE:
                return max(0, price_minor - (self.amount_minor or 0) * quantity)
            case Action.FREE_SHIPPING:
                return price_minor
        raise ValueError(f"{self.action} is not about one price")


class Coupon(models.Model):
    """A code that opens a promotion. Case and hyphens don't matter when it is typed, nor spaces around or in it."""

    promotion = models.ForeignKey(Promotion, on_delete=models.PROTECT, related_name="coupons")
    code = models.CharField(
        max_length=64,
        validators=[RegexValidator(r"\A[A-Za-z0-9][A-Za-z0-9_-]{2,63}\Z", "3 to 64 letters, digits and hyphens.")],
    )
    folded = models.GeneratedField(
        expression=Upper(Func(F("code"), Value("-"), Value(""), function="REPLACE")),
        output_field=models.CharField(max_length=64),
        db_persist=True,
        unique=True,
    )
    is_active = models.BooleanField("switched on", default=True)
    starts_at = models.DateTimeField("starts", null=True, blank=True, help_text="Within the promotion's own time.")
    ends_at = models.DateTimeField("ends", null=True, blank=True)
    usage_limit = models.PositiveIntegerField("orders in all", null=True, blank=True, help_text="Empty: no limit.")
    usage_limit_per_customer = models.PositiveIntegerField(
        "orders for each customer", null=True, blank=True, help_text="Empty: no limit."
    )
    used = models.PositiveIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(code__regex=r"^[A-Za-z0-9][A-Za-z0-9_-]{2,63}$"), name="coupon_code_can_be_typed"
            ),
            models.CheckConstraint(condition=_ends_after_it_starts(), name="coupon_ends_after_it_starts"),
            models.CheckConstraint(condition=_within_its_limit(), name="coupon_within_its_limit"),
        ]

    def __str__(self) -> str:
        return self.code

    @property
    def limit_per_customer(self) -> int | None:
        return self.usage_limit_per_customer

    @staticmethod
    def fold(code: str) -> str:
        """As the database folds it, and without the spaces that people copy along."""
        return "".join(code.split()).replace("-", "").upper()


class PromotionUse(models.Model):
    """One order's use of a promotion. Given back when the order comes to nothing, and never claimed again."""

    class State(models.TextChoices):
        CLAIMED = "claimed"
        GIVEN_BACK = "given_back"

    promotion = models.ForeignKey(Promotion, on_delete=models.PROTECT, related_name="uses")
    coupon = models.ForeignKey(Coupon, on_delete=models.PROTECT, null=True, related_name="uses")
    reference = models.CharField(max_length=80, help_text="`order:...`")
    customer = models.CharField(max_length=64, help_text="A keyed hash of the e-mail address.")
    state = models.CharField(max_length=10, choices=State, default=State.CLAIMED)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["promotion", "reference"], name="promotion_once_an_order")]
        indexes = [
            models.Index(fields=["reference"], name="promotion_use_reference"),
            models.Index(fields=["promotion", "customer"], name="promotion_use_customer"),
        ]

    def __str__(self) -> str:
        return f"{self.promotion_id} by {self.reference}"
