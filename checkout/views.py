"""Contact and address, delivery, review: three steps, each its own address. What was entered waits in the session."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import Address
from cart import operations as carts
from cart import queries as cart_queries
from cart.queries import CartView
from orders import queries as order_queries
from orders.models import Order
from orders.operations import Contact
from payments.errors import ProviderUnavailable
from pricing.errors import PriceChanged
from pricing.operations import Offers
from shipping.queries import Option, is_served
from shop import rate_limits
from shop.errors import DomainError
from shop.http import Request
from shop.ids import new_id
from shop.money import Money

from . import edits, operations
from .edits import Outcome, Wish
from .errors import NotEditable
from .forms import ContactForm, DeliveryForm, EditForm, ReviewForm
from .limits import limit_holds

SESSION_KEY = "checkout"
Answers = dict[str, Any]


@never_cache
def start(request: Request) -> HttpResponse:
    """Holds the goods while the shopper fills in the rest."""
    cart = cart_queries.current(request)
    if cart is None or not cart.lines:
        return redirect("cart:detail")
    try:
        limit_holds(request, sum(line["quantity"] for line in cart.lines))
        carts.begin_checkout(cart, now=timezone.now())
    except DomainError as error:
        messages.error(request, cart_queries.in_words(error))
        return redirect("cart:detail")
    return redirect("checkout:contact")


@never_cache
@require_http_methods(["GET", "POST"])
def contact(request: Request) -> HttpResponse:
    answers = answers_of(request)
    saved = list(Address.objects.visible_to(request.user))
    form = ContactForm(sent(request), initial=known_contact(request, answers, saved))
    if form.is_valid():
        data = form.cleaned_data
        remember(request, email=data["email"], address=data["address"])
        cart_queries.remember_destination(request, operations.destination_of(data["address"]))
        return redirect("checkout:delivery")
    return show(request, "contact", answers, form=form, addresses=saved, step=1)


@never_cache
@require_http_methods(["GET", "POST"])
def delivery(request: Request) -> HttpResponse:
    answers = answers_of(request)
    if "address" not in answers:
        return redirect("checkout:contact")
    options = options_of(request, answers)
    form = DeliveryForm(sent(request), codes=[option.code for option in options])
    if form.is_valid():
        remember(request, shipping_method=form.cleaned_data["shipping_method"])
        return redirect("checkout:review")
    chosen = chosen_option(options, answers)
    rows = [(option, option == chosen) for option in options]
    address = answers["address"]
    served = bool(rows) or is_served(address["country"], address["region"], address["postal_code"])
    return show(request, "delivery", answers, form=form, options=rows, address=address, is_served=served, step=2)


@never_cache
@require_http_methods(["GET", "POST"])
def review(request: Request) -> HttpResponse:
    """Shows everything once more; POST orders. The form's key makes a double click, Back and reload one order."""
    form = ReviewForm(sent(request), initial=new_wish())
    if form.is_valid() and (placed := operations.placed_before(form_key(request, form.cleaned_data["key"]))):
        return to_payment(request, placed)
    answers = answers_of(request)
    option = chosen_option(options_of(request, answers), answers) if "address" in answers else None
    if option is None:
        return redirect("checkout:delivery" if "address" in answers else "checkout:contact")
    changed: list[tuple[str, int, int]] = []
    if form.is_valid():
        try:
            return place(request, answers, option, form.cleaned_data)
        except PriceChanged as error:
            changed = [(line["name"], line["oldPriceMinor"], line["priceMinor"]) for line in error.lines]
            messages.warning(request, error.text)
            form = ReviewForm(initial=new_wish() | {"payment_method": form.cleaned_data["payment_method"]})
        except DomainError as error:
            messages.error(request, cart_queries.in_words(error))
            return redirect("cart:detail")
    return show(
        request,
        "review",
        answers,
        form=form,
        contact={"email": answers["email"], "phone": answers["address"]["phone"]},
        address=answers["address"],
        option=option,
        changed=changed,
        step=3,
    )


@require_POST
def change(request: Request, public_id: str) -> HttpResponse:
    """Ends an unpaid order and gives its cart back, to order something else."""
    order = order_queries.get_accessible(request, public_id, permission=order_queries.CHANGE)
    is_guest = order.user_id is None and not request.user.is_authenticated
    bag = cart_queries.current(request) if is_guest else None
    try:
        ended = operations.end_if_unpaid(order, reason="changed by the buyer", now=timezone.now(), bag=bag)
    except ProviderUnavailable as error:
        messages.error(request, cart_queries.in_words(error))
        return redirect(order_page(order))
    if not ended:
        messages.info(request, "This order can't be changed any more.")
        return redirect(order_page(order))
    if order.user_id is None and cart_queries.current(request) is None:
        request.session[cart_queries.SESSION_KEY] = operations.cart_id(order)
    messages.info(request, "Your order is cancelled and everything is back in your bag.")
    return redirect("cart:detail")


@never_cache
@require_http_methods(["GET", "POST"])
def edit(request: Request, public_id: str) -> HttpResponse:
    """Changes a placed order: POST shows what it comes to, and makes it when that is sent along."""
    order = order_queries.get_accessible(request, public_id, permission=order_queries.CHANGE)
    by_staff, now = edits.is_by_staff(request.user, order), timezone.now()
    if not edits.is_editable(order, by_staff=by_staff, now=now):
        messages.info(request, NotEditable.text)
        return redirect(order_queries.page_of(request, order))
    form, outcome = EditForm(sent(request), order=order), None
    if form.is_valid():
        data = form.cleaned_data
        wish = Wish(form.quantities, data["address"], order_queries.actor_of(request), by_staff=by_staff)
        shown = data["shown_difference"]
        rate_limits.check("checkout", request.client_address)
        try:
            if shown is not None and "make" in request.POST:
                return edited(request, edits.edit(order, wish, shown_difference_minor=shown, now=now))
            outcome = edits.preview(order, wish, now=now)
        except PriceChanged as error:
            messages.warning(request, error.text)
            outcome = edits.preview(order, wish, now=now)
        except DomainError as error:
            form.add_error(None, cart_queries.in_words(error))
    context = {"order": order, "form": form, "outcome": outcome, "token": order_queries.given_token(request, order)}
    return render(request, "checkout/edit.html", context)


def edited(request: Request, outcome: Outcome) -> HttpResponse:
    order, back = outcome.order, -outcome.difference_minor
    if outcome.units:
        messages.success(request, f"The order is changed. {Money(back, order.currency)} goes back the way you paid.")
    else:
        messages.success(request, f"The order is changed. Its total is {Money(order.total_minor, order.currency)} now.")
    return redirect(order_queries.page_of(request, order))


# --- Parts of the steps


def sent(request: Request) -> QueryDict | None:
    """An empty form that was sent is a form with errors, not one that was not sent."""
    return request.POST if request.method == "POST" else None


def place(request: Request, answers: Answers, option: Option, data: dict[str, Any]) -> HttpResponse:
    rate_limits.check("checkout", request.client_address)
    key = form_key(request, data["key"])
    cart = cart_queries.current(request)
    if cart is None:
        # The other one of two clicks may have ordered it since this request looked.
        placed = operations.placed_before(key)
        return to_payment(request, placed) if placed else redirect("cart:detail")
    order = operations.place_order(
        cart,
        user=request.user if request.user.is_authenticated else None,
        contact=Contact(answers["email"], answers["address"]["phone"]),
        shipping_address=answers["address"],
        billing_address=None,
        shipping_method=option.code,
        payment_method=data["payment_method"],
        shown_total_minor=data["shown_total"],
        key=key,
        now=timezone.now(),
    )
    order_queries.remember(request, order)
    request.session.pop(cart_queries.SESSION_KEY, None)
    return to_payment(request, order)


def to_payment(request: Request, order: Order) -> HttpResponse:
    """Where the buyer goes with a placed order: the provider's page, our pay page while it is away, or the order."""
    if order.is_open_for_payment:
        payment = operations.start_payment(order, now=timezone.now(), address=request.client_address)
        if payment is None:
            messages.error(request, "The payment can't begin right now. Your order is kept.")
            return redirect(order_page(order, "payments:pay"))
        if payment.redirect_url:
            return redirect(payment.redirect_url)
    return redirect(f"{order_page(order)}&placed=1")


def order_page(order: Order, name: str = "orders:detail") -> str:
    return f"{reverse(name, args=[order.public_id])}?token={order.access_token}"


def new_wish() -> dict[str, str]:
    return {"key": new_id("buy")}


def form_key(request: Request, key: str) -> str:
    """Bound to the session, so that a key seen elsewhere opens nobody's order."""
    return f"form:{request.session.session_key}:{key}"


def answers_of(request: Request) -> Answers:
    answers: Answers = request.session.get(SESSION_KEY, {})
    return answers


def remember(request: Request, **entered: Any) -> None:
    request.session[SESSION_KEY] = answers_of(request) | entered


def known_contact(request: Request, answers: Answers, saved: list[Address]) -> Answers:
    """What the form starts with: what was entered before, else a saved address, else the account's e-mail."""
    wanted = request.GET.get("address")
    if "address" in answers and not wanted:
        return {"email": answers["email"], **answers["address"]}
    if not request.user.is_authenticated:
        return {}
    address = next((address for address in saved if address.public_id == wanted), saved[0] if saved else None)
    known = {name: getattr(address, name) for name in ContactForm.ADDRESS} if address else {}
    return {"email": answers.get("email", request.user.email), **known}


def options_of(request: Request, answers: Answers) -> list[Option]:
    now = timezone.now()
    cart = cart_queries.view(cart_queries.current(request), now=now)
    destination = operations.destination_of(answers["address"])
    return cart_queries.delivery_options(cart, destination=destination, offers=offers_to(request, cart, answers, now))


def offers_to(request: Request, cart: CartView, answers: Answers, now: datetime) -> Offers:
    buyer = request.user if request.user.is_authenticated else None
    customer = operations.customer_of(buyer, answers.get("email", ""))
    return cart_queries.offers(cart, customer=customer, now=now)


def chosen_option(options: list[Option], answers: Answers) -> Option | None:
    chosen = (option for option in options if option.code == answers.get("shipping_method"))
    return next(chosen, options[0] if options else None)


def show(request: Request, page: str, answers: Answers, **context: Any) -> HttpResponse:
    """Renders a step beside the order's summary; a shopper without a cart goes back to the bag."""
    now = timezone.now()
    cart: CartView = cart_queries.view(cart_queries.current(request), now=now)
    if not cart.lines:
        return redirect("cart:detail")
    if "address" in answers:
        destination = operations.destination_of(answers["address"])
    else:
        destination = cart_queries.destination(request)
    offers = offers_to(request, cart, answers, now)
    option = chosen_option(cart_queries.delivery_options(cart, destination=destination, offers=offers), answers)
    quote = cart_queries.quote(cart, destination=destination, option=option, offers=offers)
    if isinstance(form := context["form"], ReviewForm) and not form.is_bound:
        form.initial["shown_total"] = quote.total_minor
    return render(
        request, f"checkout/{page}.html", {"cart": cart, "quote": quote, "undeliverable": option is None, **context}
    )
