from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal

from django.db import models
from django.db.models import F, Q
from django.urls import reverse

from orders.models import Order
from shop.ids import PublicIdField


class Series(models.Model):
    """The last number given in a series and year. Its row is the one lock under which numbers are given."""

    code = models.CharField(max_length=8, help_text="What stands before the year: nothing, or C for credit notes.")
    year = models.PositiveSmallIntegerField()
    last = models.PositiveIntegerField()

    class Meta:
        verbose_name_plural = "series"
        constraints = [models.UniqueConstraint(fields=["code", "year"], name="invoice_series_once")]

    def __str__(self) -> str:
        return number_of(self.code, self.year, self.last)


class Invoice(models.Model):
    """An invoice or a credit note, frozen as it was issued. Append-only (database trigger); amounts are never negative.

    A credit note takes back some or all of the `corrects` invoice. An edited order gets a new invoice, its next
    `edition`, after the one before was credited in full.
    """

    class Kind(models.TextChoices):
        INVOICE = "invoice", "Invoice"
        CREDIT_NOTE = "credit_note", "Credit note"

    public_id = PublicIdField("inv")
    kind = models.CharField(max_length=12, choices=Kind)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="invoices")
    edition = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Of an order's invoices: 1, 2, ...")
    corrects = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="credit_notes")
    refund_id = models.CharField(max_length=40, blank=True, help_text="The refund that a credit note stands for.")
    reason = models.CharField(max_length=100, blank=True)

    series = models.CharField(max_length=8, blank=True)
    year = models.PositiveSmallIntegerField()
    sequence = models.PositiveIntegerField()
    number = models.CharField(max_length=20, unique=True, editable=False)
    issued_on = models.DateField()
    issued_at = models.DateTimeField()
    supplied_from = models.DateField(null=True, blank=True)
    supplied_to = models.DateField(null=True, blank=True)
    is_supplied = models.BooleanField(help_text="The goods had left; else the days of supply were those promised.")

    seller = models.JSONField()
    buyer = models.JSONField()
    order_number = models.CharField(max_length=20)
    ordered_on = models.DateField()
    payment_note = models.TextField()

    currency = models.CharField(max_length=3)
    prices_include_tax = models.BooleanField()
    discounts = models.JSONField(default=list, help_text="What was taken off, by name; contained in the lines.")
    net_minor = models.BigIntegerField()
    tax_minor = models.BigIntegerField()
    total_minor = models.BigIntegerField()
    redacted_at = models.DateTimeField(null=True, blank=True, help_text="When it forgot the buyer, after its order.")

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["series", "year", "sequence"], name="invoice_number_once"),
            # Behind the order's lock: two workers with one event never write two invoices.
            models.UniqueConstraint(fields=["order", "edition"], name="one_invoice_per_edition_of_an_order"),
            models.UniqueConstraint(
                fields=["refund_id"], condition=~Q(refund_id=""), name="one_credit_note_per_refund"
            ),
            models.CheckConstraint(
                condition=Q(total_minor=F("net_minor") + F("tax_minor"), net_minor__gte=0, tax_minor__gte=0),
                name="invoice_net_plus_tax",
            ),
            models.CheckConstraint(
                condition=Q(kind="invoice", corrects=None, edition__isnull=False)
                | Q(kind="credit_note", corrects__isnull=False, edition=None),
                name="credit_note_corrects_an_invoice",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.number}"

    def get_absolute_url(self) -> str:
        return reverse("invoices:pdf", args=[self.order.public_id, self.number])

    @property
    def rates(self) -> list["RateSum"]:
        """Net, tax and gross by rate, the highest first. Reads prefetched lines."""
        sums: dict[Decimal, list[int]] = defaultdict(lambda: [0, 0])
        for line in self.lines.all():
            sums[line.tax_rate][0] += line.net_minor
            sums[line.tax_rate][1] += line.tax_minor
        return [RateSum(rate, *sums[rate]) for rate in sorted(sums, reverse=True)]


@dataclass(frozen=True)
class RateSum:
    rate: Decimal
    net_minor: int
    tax_minor: int

    @property
    def gross_minor(self) -> int:
        return self.net_minor + self.tax_minor


class InvoiceLine(models.Model):
    """One position, frozen: net + tax = gross. A credit note's takes back some of the `corrects` line.

    `quantity` 0 on a credit note means money alone: the price was reduced and no unit came back.
    """

    class Kind(models.TextChoices):
        GOODS = "goods"
        SHIPPING = "shipping"

    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="lines")
    position = models.PositiveIntegerField()
    corrects = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="credits")
    kind = models.CharField(max_length=8, choices=Kind)
    # By name, not by key: an edit may take the line out of the order, and what was invoiced stays.
    order_line = models.CharField(max_length=40, blank=True, help_text="The public id of the order's line.")
    sku = models.CharField(max_length=64, blank=True)
    name = models.CharField(max_length=300)
    quantity = models.PositiveIntegerField()
    unit = models.CharField(max_length=12, default="pcs")
    unit_price_minor = models.BigIntegerField(help_text="As the order shows it: with tax where its prices include it.")
    discount_minor = models.BigIntegerField(default=0)
    tax_rate = models.DecimalField(max_digits=6, decimal_places=5)
    net_minor = models.BigIntegerField()
    tax_minor = models.BigIntegerField()
    gross_minor = models.BigIntegerField()

    class Meta:
        ordering = ["invoice", "position"]
        constraints = [
            models.UniqueConstraint(fields=["invoice", "position"], name="invoice_line_position_once"),
            models.CheckConstraint(
                condition=Q(gross_minor=F("net_minor") + F("tax_minor"), net_minor__gte=0, tax_minor__gte=0),
                name="invoice_line_net_plus_tax",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.name}"


def number_of(code: str, year: int, sequence: int) -> str:
    return f"{code}{year}-{sequence:06d}"
