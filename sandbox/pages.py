"""The hosted payment page: plain HTML, one stylesheet, no JavaScript."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from urllib.parse import parse_qsl

from sandbox import actions
from sandbox.cards import TEST_CARDS, TypedCard, one_click, read_card
from sandbox.money import format_amount
from sandbox.params import is_email
from sandbox.store import Object, Store, Transaction

STYLESHEET = Path(__file__).with_name("pay.css").read_text()
# No form-action: browsers apply it to the redirect after a POST too, and that one leads to the shop.
POLICY = "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'"

PAID = ("succeeded", "requires_capture")  # the buyer's part is done


@dataclass(frozen=True)
class Page:
    status: int
    body: str
    type: str = "text/html; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)


class Pages:
    def __init__(self, store: Store) -> None:
        self._store = store

    def respond(self, method: str, path: str, form: str, *, now: float) -> Page:
        """The page for one request. A payment is one transaction, so that a double submit pays once."""
        if path == "/assets/pay.css":
            return Page(200, STYLESHEET, "text/css; charset=utf-8", {"Cache-Control": "max-age=60"})
        if step := re.fullmatch(r"/pi/([A-Za-z0-9_]+)/authenticate", path):
            with self._store.transaction(now=now) as tx:
                return _own_authentication(tx, step[1], read_form(form) if method == "POST" else None)
        match = re.fullmatch(r"/c/pay/([A-Za-z0-9_]+)(/authenticate)?", path)
        with self._store.transaction(now=now) as tx:
            session = tx.get(match[1]) if match else None
            if match is None or session is None or session["object"] != "checkout.session":
                return notice_page(404, "This page does not exist", "Check the address, or go back to the shop.", None)
            closed = _closed(session, now, returning=method == "POST")
            if closed:
                return closed
            values = read_form(form) if method == "POST" else None
            if match[2]:
                return _authentication(tx, session, values)
            return payment_page(200, tx, session, {}) if values is None else _payment(tx, session, values)


def read_form(form: str) -> dict[str, str]:
    return dict(parse_qsl(form, keep_blank_values=True))


def _closed(session: Object, now: float, *, returning: bool) -> Page | None:
    """What a session that can no longer be paid shows. The second of two submits goes where the first one went."""
    if session["status"] == "complete":
        if returning:
            return _redirect(_success_url(session))
        return notice_page(200, "This payment is complete", "Nothing more will be charged.", _success_url(session))
    if session["status"] == "expired" or session["expires_at"] <= now:
        explanation = "You have not been charged. Go back to the shop to order again."
        return notice_page(410, "This payment page has expired", explanation, session["cancel_url"])
    return None


def _payment(tx: Transaction, session: Object, values: dict[str, str]) -> Page:
    today = datetime.fromtimestamp(tx.now, UTC).date()
    typed = one_click(values["test_card"], today=today) if "test_card" in values else None
    if typed is None:
        typed = read_card(values.get("number", ""), values.get("exp", ""), values.get("cvc", ""), today=today)
    email = session["customer_email"] or values.get("email", "").strip()
    errors = typed.errors if is_email(email) else {"email": "Enter an e-mail address."} | typed.errors
    if errors:
        return payment_page(422, tx, session, values, errors=errors)
    return _after_attempt(tx, session, actions.pay(tx, session, typed, email=email), values, typed)


def _after_attempt(
    tx: Transaction, session: Object, intent: Object, values: dict[str, str], typed: TypedCard
) -> Page:  # fmt: skip
    if intent["status"] in PAID:
        return _redirect(_success_url(session))
    if intent["status"] == "requires_action":
        return _redirect(f"/c/pay/{session['id']}/authenticate")
    advice = typed.card.decline.advice if typed.card.decline else ""
    return payment_page(402, tx, session, values, refusal=f"{intent['last_payment_error']['message']} {advice}")


def _authentication(tx: Transaction, session: Object, values: dict[str, str] | None) -> Page:
    intent = tx.get(session["payment_intent"]) if session["payment_intent"] else None
    if intent is None or intent["status"] != "requires_action":
        return _redirect(f"/c/pay/{session['id']}")
    if values is None or values.get("outcome") not in ("complete", "fail"):
        return authentication_page(intent, f"/c/pay/{session['id']}/authenticate")
    intent = actions.authenticate(tx, intent, passed=values["outcome"] == "complete")
    return _redirect(_success_url(session) if intent["status"] in PAID else f"/c/pay/{session['id']}")


def _own_authentication(tx: Transaction, ident: str, values: dict[str, str] | None) -> Page:
    """The 3-D Secure step of an intent that was confirmed through the API, without a session."""
    intent = tx.get(ident)
    if intent is None or intent["object"] != "payment_intent" or intent["status"] != "requires_action":
        return notice_page(404, "This page does not exist", "Check the address, or go back to the shop.", None)
    back = intent["next_action"]["redirect_to_url"]["return_url"]
    if values is None or values.get("outcome") not in ("complete", "fail"):
        return authentication_page(intent, f"/pi/{ident}/authenticate")
    intent = actions.authenticate(tx, intent, passed=values["outcome"] == "complete")
    if back:
        return _redirect(f"{back}{'&' if '?' in back else '?'}payment_intent={ident}")
    return notice_page(200, "Thank you", f"The payment is in the state {intent['status']}.", None)


def _success_url(session: Object) -> str:
    url: str = session["success_url"]
    return url.replace("{CHECKOUT_SESSION_ID}", session["id"])


def _redirect(url: str) -> Page:
    return Page(303, "", headers={"Location": url, "Cache-Control": "no-store"})


def _document(status: int, title: str, content: str) -> Page:
    body = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{escape(title)}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/assets/pay.css">
</head>
<body>
<p class="banner">Test payments - no money moves</p>
{content}
</body>
</html>
"""
    return Page(status, body, headers={"Content-Security-Policy": POLICY, "Cache-Control": "no-store"})


def notice_page(status: int, title: str, text: str, link: str | None) -> Page:
    back = f'<p><a class="button" href="{escape(link)}">Back to the shop</a></p>' if link else ""
    return _document(status, title, f'<main class="notice"><h1>{escape(title)}</h1><p>{escape(text)}</p>{back}</main>')


def payment_page(
    status: int,
    tx: Transaction,
    session: Object,
    values: dict[str, str],
    *,
    errors: dict[str, str] | None = None,
    refusal: str = "",
) -> Page:
    """The form, with what was typed kept, the errors at their fields, and why the last attempt was refused."""
    errors = errors or {}
    if not refusal and not errors and session["payment_intent"]:
        intent = tx.get(session["payment_intent"])
        refusal = ((intent or {}).get("last_payment_error") or {}).get("message", "")
    total = format_amount(session["amount_total"], session["currency"])
    alert = f'<p class="alert" role="alert">{escape(refusal)}</p>' if refusal else ""
    if errors:
        alert = '<p class="alert" role="alert">Please correct the marked fields. Nothing was charged.</p>'
    return _document(
        status,
        f"Pay {total}",
        f"""<main class="pay">
{_summary(session, total)}
<section class="panel" aria-labelledby="card-heading">
<h2 id="card-heading">Pay by card</h2>
{alert}
<form method="post" action="/c/pay/{session["id"]}" autocomplete="off">
{_email_field(session, values, errors)}
{_input("number", "Card number", "1234 1234 1234 1234", values, errors, numeric=True)}
<div class="pair">
{_input("exp", "Expiry date", "MM / YY", values, errors, numeric=True)}
{_input("cvc", "Security code", "CVC", values, errors, numeric=True)}
</div>
<button class="button wide">Pay {escape(total)}</button>
<fieldset class="cards">
<legend>Or pay at once with a test card</legend>
{_test_cards()}
</fieldset>
</form>
</section>
</main>""",
    )


def _summary(session: Object, total: str) -> str:
    currency = session["currency"]
    lines = "\n".join(
        f"""<li><span class="what">{escape(line["description"])}{_detail(line)}</span>
<span class="amount">{escape(format_amount(line["amount_total"], currency))}</span></li>"""
        for line in session["_lines"]
    )
    back = f'<p class="back"><a href="{escape(session["cancel_url"] or "")}">Back to the shop</a></p>'
    reference = f'<p class="faint">Reference {escape(session["client_reference_id"] or "")}</p>'
    return f"""<section class="summary" aria-labelledby="total-heading">
{back if session["cancel_url"] else ""}
<h1 id="total-heading"><span class="faint">To pay</span> {escape(total)}</h1>
{reference if session["client_reference_id"] else ""}
<ul class="lines">
{lines}
</ul>
<p class="total"><span>Total</span> <span class="amount">{escape(total)}</span></p>
</section>"""


def _detail(line: Object) -> str:
    unit = format_amount(line["price"]["unit_amount"], line["currency"])
    parts = [line["_detail"] or "", f"{line['quantity']} at {unit} each" if line["quantity"] > 1 else ""]
    return "".join(f'<br><small class="faint">{escape(part)}</small>' for part in parts if part)


def _email_field(session: Object, values: dict[str, str], errors: dict[str, str]) -> str:
    if session["customer_email"]:
        return f'<p class="known"><span class="faint">E-mail</span> {escape(session["customer_email"])}</p>'
    return _input("email", "E-mail", "you@example.com", values, errors, type="email")


def _input(
    name: str,
    label: str,
    example: str,
    values: dict[str, str],
    errors: dict[str, str],
    *,
    type: str = "text",
    numeric: bool = False,
) -> str:
    error = errors.get(name, "")
    described = f' aria-invalid="true" aria-describedby="{name}-error"' if error else ""
    return f"""<div class="field"><label for="{name}">{label}</label>
<input id="{name}" name="{name}" type="{type}" value="{escape(values.get(name, ""))}" placeholder="{example}" required\
{' inputmode="numeric"' if numeric else ""}{described}>
{f'<p class="error" id="{name}-error">{escape(error)}</p>' if error else ""}</div>"""


def _test_cards() -> str:
    return "\n".join(
        f"""<button class="card" name="test_card" value="{card.number}" formnovalidate>
<span>{escape(card.outcome)}</span> <span class="digits">{card.grouped}</span></button>"""
        for card in TEST_CARDS
    )


def authentication_page(intent: Object, action: str) -> Page:
    total = format_amount(intent["amount"], intent["currency"])
    last4 = intent["_typed"]["number"][-4:]
    return _document(
        200,
        "Confirm your payment",
        f"""<main class="notice">
<h1>Confirm your payment</h1>
<p>The bank of the test card ending in {last4} asks whether you are paying <strong>{escape(total)}</strong>
(3-D Secure).</p>
<form method="post" action="{action}" class="choices">
<button class="button" name="outcome" value="complete">Complete authentication</button>
<button class="button quiet" name="outcome" value="fail">Fail authentication</button>
</form>
</main>""",
    )
