from datetime import date
from decimal import Decimal
from typing import Self

from django.db import models
from django.db.models import Q


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
