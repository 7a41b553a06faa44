from datetime import date, timedelta
from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q


class ShippingMethodQuerySet(models.QuerySet["ShippingMethod"]):
    def serving(self, country: str) -> Self:
        return self.filter(Q(countries=[]) | Q(countries__contains=[country]), is_active=True)


class ShippingMethod(models.Model):
    """A way for a parcel to travel, at a flat rate."""

    code = models.SlugField(max_length=32, unique=True)
    name = models.CharField(max_length=100)
    price_minor = models.PositiveBigIntegerField(
        "price", help_text="In minor units of the shop's currency: 490 is 4.90."
    )
    free_from_minor = models.PositiveBigIntegerField(
        "free from", null=True, blank=True, help_text="Value of goods, in minor units, from which it costs nothing."
    )
    tax_class = models.SlugField(max_length=32, default="standard", help_text="Code of the tax class of the freight.")
    countries = ArrayField(
        models.CharField(max_length=2), default=list, blank=True, help_text="ISO codes; empty serves every country."
    )
    min_days = models.PositiveSmallIntegerField(default=1)
    max_days = models.PositiveSmallIntegerField(default=3)
    position = models.PositiveSmallIntegerField(default=100)
    is_active = models.BooleanField("active", default=True)

    objects = ShippingMethodQuerySet.as_manager()

    class Meta:
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return self.name

    def price_for(self, goods_minor: int) -> int:
        """Price in minor units for goods of that value after discounts."""
        free = self.free_from_minor is not None and goods_minor >= self.free_from_minor
        return 0 if free else self.price_minor

    def arrival(self, today: date) -> tuple[date, date]:
        """First and last day on which a parcel ordered today arrives; Saturdays and Sundays bring none."""
        return working_days_after(today, self.min_days), working_days_after(today, self.max_days)


def working_days_after(day: date, count: int) -> date:
    while count > 0:
        day += timedelta(days=1)
        count -= day.weekday() < 5
    return day
