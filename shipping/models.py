import re
from collections.abc import Iterable
from urllib.parse import quote

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, RegexValidator
from django.db import models
from django.db.models import Q

MAX_DAYS = 90
RANGE = "..."
# A shop's page links to it: no other scheme, and the number never stands in the host's name.
TRACKING_URL = r"\Ahttps://[^\s{}/?#]+/[^\s{}]*\{number\}[^\s{}]*\Z"
IN_A_CODE = re.compile(r"[\s-]")


class Weekday(models.IntegerChoices):
    MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY = range(7)


def monday_to_friday() -> list[int]:
    return [*range(5)]


def plain(postal_code: str) -> str:
    """As it is compared: neither its case nor its spaces and hyphens tell two codes apart."""
    return IN_A_CODE.sub("", postal_code).upper()


def covers(pattern: str, postal_code: str) -> bool:
    """`20` covers every code that begins with it, `20095...21149` those from the one to the other, both included."""
    code = plain(postal_code)
    first, found, last = (plain(part) for part in pattern.partition(RANGE))
    if not found:
        return bool(first) and code.startswith(first)
    return bool(code) and first <= code[: len(first)] and code[: len(last)] <= last


def is_pattern(text: str) -> bool:
    first, found, last = (plain(part) for part in text.partition(RANGE))
    return first.isalnum() and (not found or (last.isalnum() and len(first) == len(last) and first <= last))


def folded(names: Iterable[str]) -> set[str]:
    return {name.strip().casefold() for name in names}


class Zone(models.Model):
    """A part of the world that is served alike. A destination lies in the narrowest zone that holds it, in no other.

    A zone without a method is one to which nothing is delivered.
    """

    name = models.CharField(max_length=100, unique=True)
    countries = ArrayField(
        models.CharField(max_length=2), default=list, blank=True, help_text="None: the rest of the world."
    )
    regions = ArrayField(
        models.CharField(max_length=120),
        default=list,
        blank=True,
        help_text="States or regions of its one country. None: all of them.",
    )
    postal_codes = ArrayField(
        models.CharField(max_length=40),
        default=list,
        blank=True,
        help_text="Of its one country: how they begin, like 20, or a range, like 20095...21149. None: all of them.",
    )
    excluded_postal_codes = ArrayField(
        models.CharField(max_length=40),
        default=list,
        blank=True,
        help_text="Written alike. These belong to another zone, or to none: islands, for example.",
    )

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        parts = {name: getattr(self, name) for name in ("regions", "postal_codes", "excluded_postal_codes")}
        errors = {}
        for name, values in parts.items():
            if values and len(self.countries) != 1:
                errors[name] = "Only a zone of exactly one country can be told apart by this."
        for name in ("postal_codes", "excluded_postal_codes"):
            if wrong := [text for text in parts[name] if not is_pattern(text)]:
                errors[name] = f"Neither the beginning of a postal code nor a range: {', '.join(wrong)}."
        if errors:
            raise ValidationError(errors)

    @property
    def is_whole(self) -> bool:
        """Of each of its countries it holds every place."""
        return not (self.regions or self.postal_codes or self.excluded_postal_codes)

    @property
    def narrowness(self) -> tuple[bool, bool, bool, bool]:
        return bool(self.postal_codes), bool(self.regions), bool(self.excluded_postal_codes), bool(self.countries)

    def holds(self, country: str, region: str = "", postal_code: str = "") -> bool:
        if self.countries and country not in self.countries:
            return False
        if self.regions and region.strip().casefold() not in folded(self.regions):
            return False
        if self.postal_codes and not any(covers(pattern, postal_code) for pattern in self.postal_codes):
            return False
        return not any(covers(pattern, postal_code) for pattern in self.excluded_postal_codes)


class Holiday(models.Model):
    """A day without work: no parcel leaves the shop's country then, none arrives in the destination's."""

    date = models.DateField()
    name = models.CharField(max_length=100)
    country = models.CharField(max_length=2, blank=True, help_text="Two-letter code. None: everywhere.")

    class Meta:
        ordering = ["date", "country"]
        constraints = [models.UniqueConstraint(fields=["date", "country"], name="holiday_once")]

    def __str__(self) -> str:
        return f"{self.name}, {self.date}"


class ShippingMethod(models.Model):
    """A way for goods to reach the buyer: its price, what it carries, and when it gets there."""

    class Kind(models.TextChoices):
        DELIVERY = "delivery", "Delivery"
        PICKUP = "pickup", "Pick-up by the buyer"

    class Basis(models.TextChoices):
        FLAT = "flat", "One price"
        WEIGHT = "weight", "Price by weight (kg)"
        PRICE = "price", "Price by value of goods"
        QUANTITY = "quantity", "Price by number of articles"

    code = models.SlugField(max_length=32, unique=True)
    name = models.CharField(max_length=100)
    zone = models.ForeignKey(
        Zone, on_delete=models.CASCADE, null=True, blank=True, related_name="methods", help_text="None: every zone."
    )
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.DELIVERY, db_default=Kind.DELIVERY)
    pickup_address = models.TextField(
        blank=True, default="", db_default="", help_text="Where the buyer collects it, and when it is open."
    )
    price_minor = models.PositiveBigIntegerField("price")
    free_from_minor = models.PositiveBigIntegerField(
        "free from", null=True, blank=True, help_text="Value of goods from which it costs nothing."
    )
    basis = models.CharField(
        "pricing",
        max_length=8,
        choices=Basis,
        default=Basis.FLAT,
        db_default=Basis.FLAT,
        help_text="By a table: its highest row that is reached sets the price; below its first row the price above.",
    )
    min_goods_minor = models.PositiveBigIntegerField("from a value of goods of", null=True, blank=True)
    max_goods_minor = models.PositiveBigIntegerField("up to a value of goods of", null=True, blank=True)
    max_weight_grams = models.PositiveIntegerField("up to a weight of", null=True, blank=True, help_text="In grams.")
    tax_class = models.SlugField(max_length=32, default="standard", help_text="Code of the tax class of the freight.")
    countries = ArrayField(
        models.CharField(max_length=2),
        default=list,
        blank=True,
        help_text="Narrows a method of every zone to these countries.",
    )
    cut_off = models.TimeField(
        null=True, blank=True, help_text="What is ordered earlier is packed on the same day. None: midnight."
    )
    handling_days = models.PositiveSmallIntegerField(
        default=0, db_default=0, validators=[MaxValueValidator(MAX_DAYS)], help_text="Working days until it leaves."
    )
    min_days = models.PositiveSmallIntegerField(
        "travels at least", default=1, validators=[MaxValueValidator(MAX_DAYS)], help_text="Working days."
    )
    max_days = models.PositiveSmallIntegerField(
        "travels at most", default=3, validators=[MaxValueValidator(MAX_DAYS)], help_text="Working days."
    )
    leaves_on = ArrayField(
        models.PositiveSmallIntegerField(choices=Weekday),
        default=monday_to_friday,
        db_default=[0, 1, 2, 3, 4],
        help_text="Days on which the warehouse hands parcels over.",
    )
    arrives_on = ArrayField(
        models.PositiveSmallIntegerField(choices=Weekday),
        default=monday_to_friday,
        db_default=[0, 1, 2, 3, 4],
        help_text="Days on which the carrier brings them.",
    )
    tracking_url = models.CharField(
        max_length=300,
        blank=True,
        default="",
        db_default="",
        validators=[RegexValidator(TRACKING_URL, "Begins with https:// and has {number} after the host's name.")],
        help_text="Where a parcel is followed, with {number} for its number: https://carrier.example/track/{number}",
    )
    position = models.PositiveSmallIntegerField(default=100)
    is_active = models.BooleanField("active", default=True)

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(leaves_on__len__gt=0, arrives_on__len__gt=0), name="method_works_on_some_day"
            )
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        errors = {}
        if self.min_days is not None and self.max_days is not None and self.max_days < self.min_days:
            errors["max_days"] = "Must not be less than it travels at least."
        least, most = self.min_goods_minor, self.max_goods_minor
        if least is not None and most is not None and most < least:
            errors["max_goods_minor"] = "Must not be below the value it starts from."
        if self.kind == self.Kind.PICKUP and not self.pickup_address.strip():
            errors["pickup_address"] = "Say where the buyer collects it."
        if errors:
            raise ValidationError(errors)

    @property
    def is_pickup(self) -> bool:
        return self.kind == self.Kind.PICKUP

    @property
    def has_table(self) -> bool:
        return self.basis != self.Basis.FLAT

    def takes(self, *, goods_minor: int, weight_grams: int) -> bool:
        return (
            (self.min_goods_minor is None or self.min_goods_minor <= goods_minor)
            and (self.max_goods_minor is None or goods_minor <= self.max_goods_minor)
            and (self.max_weight_grams is None or weight_grams <= self.max_weight_grams)
        )

    def price_for(self, goods_minor: int, *, weight_grams: int = 0, quantity: int = 1) -> int:
        """Price in minor units for goods of that value after discounts. Reads `rates`, unless it is one price."""
        if self.free_from_minor is not None and goods_minor >= self.free_from_minor:
            return 0
        if not self.has_table:
            return self.price_minor
        reached = {
            self.Basis.WEIGHT: weight_grams,
            self.Basis.PRICE: goods_minor,
            self.Basis.QUANTITY: quantity,
        }[self.Basis(self.basis)]
        rows = [rate for rate in self.rates.all() if rate.from_value <= reached]
        return max(rows, key=lambda rate: rate.from_value).price_minor if rows else self.price_minor

    def link(self, tracking_number: str) -> str:
        """Where a parcel of that number is followed; empty where nobody knows."""
        number = tracking_number.strip()
        return self.tracking_url.replace("{number}", quote(number, safe="")) if number else ""


class Rate(models.Model):
    """A row of a method's table: from this weight, value or number on, this price."""

    method = models.ForeignKey(ShippingMethod, on_delete=models.CASCADE, related_name="rates")
    from_value = models.PositiveBigIntegerField("from", help_text="Grams, minor units or articles, as the method says.")
    price_minor = models.PositiveBigIntegerField("price")

    class Meta:
        ordering = ["from_value"]
        constraints = [models.UniqueConstraint(fields=["method", "from_value"], name="rate_once")]

    def __str__(self) -> str:
        return f"from {self.from_value}: {self.price_minor}"
