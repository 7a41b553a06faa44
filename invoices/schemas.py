from datetime import date

from shop.api import Answer
from shop.money import to_number

from .models import Invoice


class RateAnswer(Answer):
    rate: float
    net: float
    tax: float


class InvoiceAnswer(Answer):
    """An invoice or credit note in short; the document itself is at `pdfUrl`, for whoever may see the order."""

    invoice_id: str
    kind: str
    number: str
    issued_on: date
    corrects: str | None
    refund_id: str | None
    net: float
    tax: float
    total: float
    total_minor: int
    currency: str
    taxes: list[RateAnswer]
    pdf_url: str

    @classmethod
    def of(cls, invoice: Invoice) -> "InvoiceAnswer":
        """Reads prefetched lines."""
        currency = invoice.currency
        return cls(
            invoice_id=invoice.public_id,
            kind=invoice.kind,
            number=invoice.number,
            issued_on=invoice.issued_on,
            corrects=invoice.corrects.number if invoice.corrects else None,
            refund_id=invoice.refund_id or None,
            net=to_number(invoice.net_minor, currency),
            tax=to_number(invoice.tax_minor, currency),
            total=to_number(invoice.total_minor, currency),
            total_minor=invoice.total_minor,
            currency=currency,
            taxes=[
                RateAnswer(
                    rate=float(each.rate),
                    net=to_number(each.net_minor, currency),
                    tax=to_number(each.tax_minor, currency),
                )
                for each in invoice.rates
            ],
            pdf_url=f"/api/orders/{invoice.order.public_id}/invoices/{invoice.number}.pdf",
        )
