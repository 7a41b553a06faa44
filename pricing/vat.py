"""Value-added tax in the European Union as of 2026-09 (European Commission, TEDB): standard, lowest reduced rate.

They only start a new shop off; staff keep the rates that hold for their goods in the admin.
"""

from decimal import Decimal

EU_RATES: dict[str, tuple[Decimal, Decimal | None]] = {
    "AT": (Decimal("0.2"), Decimal("0.1")),
    "BE": (Decimal("0.21"), Decimal("0.06")),
    "BG": (Decimal("0.2"), Decimal("0.09")),
    "CY": (Decimal("0.19"), Decimal("0.05")),
    "CZ": (Decimal("0.21"), Decimal("0.12")),
    "DE": (Decimal("0.19"), Decimal("0.07")),
    "DK": (Decimal("0.25"), None),
    "EE": (Decimal("0.24"), Decimal("0.09")),
    "ES": (Decimal("0.21"), Decimal("0.1")),
    "FI": (Decimal("0.255"), Decimal("0.1")),
    "FR": (Decimal("0.2"), Decimal("0.009")),
    "GR": (Decimal("0.24"), Decimal("0.06")),
    "HR": (Decimal("0.25"), Decimal("0.05")),
    "HU": (Decimal("0.27"), Decimal("0.05")),
    "IE": (Decimal("0.23"), Decimal("0.09")),
    "IT": (Decimal("0.22"), Decimal("0.05")),
    "LT": (Decimal("0.21"), Decimal("0.05")),
    "LU": (Decimal("0.17"), Decimal("0.08")),
    "LV": (Decimal("0.21"), Decimal("0.05")),
    "MT": (Decimal("0.18"), Decimal("0.05")),
    "NL": (Decimal("0.21"), Decimal("0.09")),
    "PL": (Decimal("0.23"), Decimal("0.05")),
    "PT": (Decimal("0.23"), Decimal("0.06")),
    "RO": (Decimal("0.21"), Decimal("0.11")),
    "SE": (Decimal("0.25"), Decimal("0.06")),
    "SI": (Decimal("0.22"), Decimal("0.05")),
    "SK": (Decimal("0.23"), Decimal("0.05")),
}
