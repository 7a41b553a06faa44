"""How postal codes look, for the countries whose form is simple and fixed: a slip is told while the buyer is there."""

import re

_DIGITS = {
    3: ("IS",),
    4: ("AT", "AU", "BE", "BG", "CH", "CY", "DK", "HU", "LI", "LU", "NO", "NZ", "SI", "ZA"),
    5: ("DE", "EE", "ES", "FI", "FR", "HR", "IT", "MX", "TR", "UA"),
    6: ("CN", "IN", "RO", "SG"),
}
_FORMS = {country: rf"\d{{{count}}}" for count, countries in _DIGITS.items() for country in countries} | {
    "CA": r"[A-Z]\d[A-Z] ?\d[A-Z]\d",
    "CZ": r"\d{3} ?\d{2}",
    "GB": r"[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}",
    "GR": r"\d{3} ?\d{2}",
    "JP": r"\d{3}-?\d{4}",
    "LT": r"(LT-)?\d{5}",
    "LV": r"(LV-)?\d{4}",
    "NL": r"\d{4} ?[A-Z]{2}",
    "PL": r"\d{2}-\d{3}",
    "PT": r"\d{4}-\d{3}",
    "SE": r"\d{3} ?\d{2}",
    "SK": r"\d{3} ?\d{2}",
    "US": r"\d{5}(-\d{4})?",
}


def looks_right(code: str, country: str) -> bool:
    """True also for every country whose form is not listed."""
    form = _FORMS.get(country)
    return form is None or re.fullmatch(form, code.strip().upper()) is not None
