"""Stripe's published test cards, and what a shopper may type into the card fields."""

import re
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Decline:
    """Why a card was refused: Stripe's code and decline_code, Stripe's message, and advice for the shopper."""

    code: str
    decline_code: str
    message: str
    advice: str


GENERIC = Decline("card_declined", "generic_decline", "Your card was declined.", "Try another card or ask your bank.")
NO_FUNDS = Decline("card_declined", "insufficient_funds", "Your card has insufficient funds.", "Try another card.")
EXPIRED = Decline("expired_card", "expired_card", "Your card has expired.", "Try another card.")
WRONG_CVC = Decline(
    "incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect.", "Check the code and try again."
)
PROCESSING = Decline(
    "processing_error",
    "processing_error",
    "An error occurred while processing your card. Try again in a little bit.",
    "Nothing was charged.",
)
NOT_A_TEST_CARD = Decline(
    "card_declined",
    "test_mode_live_card",
    "Your card was declined. Your request was in test mode, but used a non test card.",
    "Use one of the test cards on this page.",
)


@dataclass(frozen=True)
class Card:
    number: str
    outcome: str
    decline: Decline | None = None
    needs_authentication: bool = False

    @property
    def last4(self) -> str:
        return self.number[-4:]

    @property
    def brand(self) -> str:
        first = self.number[0]
        return {"3": "amex", "4": "visa", "5": "mastercard", "2": "mastercard", "6": "discover"}.get(first, "unknown")

    @property
    def grouped(self) -> str:
        return " ".join(re.findall(".{1,4}", self.number))


DISPUTED, FAILING_REFUND, PENDING_REFUND = "4000000000000259", "4000000000005126", "4000000000007726"
TEST_CARDS = (
    Card("4242424242424242", "Succeeds"),
    Card("4000000000003220", "3-D Secure", needs_authentication=True),
    Card("4000002500003155", "3-D Secure, first use", needs_authentication=True),
    Card("4000000000000002", "Declined", GENERIC),
    Card("4000000000009995", "Insufficient funds", NO_FUNDS),
    Card("4000000000000069", "Expired card", EXPIRED),
    Card("4000000000000127", "Wrong security code", WRONG_CVC),
    Card(DISPUTED, "Disputed afterwards"),
)
OTHER_CARDS = (
    Card("5555555555554444", "Succeeds"),
    Card("378282246310005", "Succeeds"),
    Card("4000000000000119", "Processing error", PROCESSING),
    Card(FAILING_REFUND, "Succeeds, its refund fails"),
    Card(PENDING_REFUND, "Succeeds, its refund takes time"),
)
# Stripe's names of test payment methods, for who confirms an intent without a page.
TOKENS = {
    "pm_card_visa": "4242424242424242",
    "pm_card_mastercard": "5555555555554444",
    "pm_card_amex": "378282246310005",
    "pm_card_authenticationRequired": "4000002500003155",
    "pm_card_threeDSecure2Required": "4000000000003220",
    "pm_card_chargeDeclined": "4000000000000002",
    "pm_card_chargeDeclinedExpiredCard": "4000000000000069",
    "pm_card_chargeDeclinedIncorrectCvc": "4000000000000127",
    "pm_card_chargeDeclinedProcessingError": "4000000000000119",
    "pm_card_visa_chargeDeclined": "4000000000000002",
    "pm_card_visa_chargeDeclinedExpiredCard": "4000000000000069",
    "pm_card_visa_chargeDeclinedIncorrectCvc": "4000000000000127",
    "pm_card_visa_chargeDeclinedInsufficientFunds": "4000000000009995",
    "pm_card_visa_chargeDeclinedProcessingError": "4000000000000119",
    "pm_card_createDispute": DISPUTED,
    "pm_card_refundFail": FAILING_REFUND,
    "pm_card_pendingRefund": PENDING_REFUND,
}
KNOWN = {card.number: card for card in TEST_CARDS + OTHER_CARDS}


@dataclass(frozen=True)
class TypedCard:
    """The card fields after checking; `errors` by field name is empty when they are good."""

    card: Card
    exp_month: int
    exp_year: int
    errors: dict[str, str]


def read_card(number: str, exp: str, cvc: str, *, today: date) -> TypedCard:
    """Check the typed card. A number that is well formed but no test card is declined later, as Stripe does."""
    digits = re.sub(r"[ -]", "", number)
    errors = {}
    if not digits:
        errors["number"] = "Enter a card number."
    elif not re.fullmatch(r"[0-9]{12,19}", digits) or not passes_luhn(digits):
        errors["number"] = "This card number is not valid. Check it for a mistyped digit."
    month, year = _read_expiry(exp)
    if not month:
        errors["exp"] = "Enter the expiry date as MM / YY."
    elif (year, month) < (today.year, today.month):
        errors["exp"] = "This expiry date is in the past."
    length = 4 if digits[:2] in ("34", "37") else 3
    if not re.fullmatch(rf"[0-9]{{{length}}}", cvc.strip()):
        errors["cvc"] = f"Enter the {length} digits of the security code."
    card = KNOWN.get(digits) or Card(digits or "0", "Not a test card", NOT_A_TEST_CARD)
    return TypedCard(card, month, year, errors)


def one_click(number: str, *, today: date) -> TypedCard | None:
    """A test card from the list, with a good expiry date; None for a number that is not listed."""
    card = KNOWN.get(number)
    return TypedCard(card, 12, today.year + 3, {}) if card else None


def by_token(token: str, *, today: date) -> TypedCard | None:
    """The card behind one of Stripe's names or behind a number; None for an unknown one."""
    return one_click(TOKENS.get(token, token), today=today)


def passes_luhn(digits: str) -> bool:
    doubled = sum(sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (doubled + sum(map(int, digits[-1::-2]))) % 10 == 0


def _read_expiry(text: str) -> tuple[int, int]:
    """(month, four-digit year) of MM/YY, MM / YYYY or MMYY; (0, 0) when it is none of them."""
    match = re.fullmatch(r"\s*(0?[1-9]|1[0-2])\s*[/ -]\s*((?:20)?[0-9]{2})\s*|(0[1-9]|1[0-2])([0-9]{2})", text)
    if not match:
        return 0, 0
    month, year = match[1] or match[3], match[2] or match[4]
    return int(month), int(year) if len(year) == 4 else 2000 + int(year)
