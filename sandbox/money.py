"""Amounts in the currency's minor unit, as Stripe counts them."""

ZERO_DECIMAL = {
    "bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf",
}  # fmt: skip
THREE_DECIMAL = {
    "bhd", "jod", "kwd", "omr", "tnd",
}  # fmt: skip
SYMBOLS = {"eur": "€", "gbp": "£", "jpy": "¥", "usd": "$"}

# The least that Stripe charges; a shop that tries less must meet the refusal here and not in production.
MINIMUMS = {
    "aed": 200, "bgn": 100, "czk": 1500, "dkk": 250, "gbp": 30, "hkd": 400, "huf": 17500, "mxn": 1000,
    "myr": 200, "nok": 300, "pln": 200, "ron": 200, "sek": 300, "thb": 1000,
}  # fmt: skip
MAXIMUM = 99_999_999


def minimum(currency: str) -> int:
    return MINIMUMS.get(currency, 50)


def format_amount(amount: int, currency: str) -> str:
    """Text for people: 123456 usd is $1,234.56; a currency without a known symbol follows the number as its code."""
    digits = 0 if currency in ZERO_DECIMAL else 3 if currency in THREE_DECIMAL else 2
    whole, rest = divmod(amount, 10**digits)
    number = f"{whole:,}" + (f".{rest:0{digits}}" if digits else "")
    return f"{SYMBOLS[currency]}{number}" if currency in SYMBOLS else f"{number} {currency.upper()}"
