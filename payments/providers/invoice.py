from datetime import datetime, timedelta

from django.conf import settings

from .manual import ManualProvider


class Invoice(ManualProvider):
    """Bank transfer before the goods leave: staff record the money when the account shows it."""

    code = "invoice"

    def expires_at(self, now: datetime) -> datetime | None:
        return now + timedelta(days=settings.SHOP_INVOICE_DAYS)
