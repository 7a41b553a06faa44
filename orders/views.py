from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from shop.errors import DomainError
from shop.http import Request
from shop.paging import MAX_OFFSET, paginate

from . import operations, queries
from .errors import OrderNotFound
from .forms import ReturnForm, TrackForm
from .models import Order

PAGE_SIZE = 20


@never_cache
@require_GET
def detail(request: Request, public_id: str) -> HttpResponse:
    order = queries.get_accessible(request, public_id)
    if address := queries.address_without_token(request, order):
        return redirect(address)
    is_transfer = order.payment_method == Order.PaymentMethod.INVOICE
    context = {
        "order": order,
        "steps": queries.progress(order),
        "token": queries.given_token(request, order),
        "can_cancel": order.is_cancellable,
        "can_return": bool(queries.returnable(order, timezone.now())),
        "returns": queries.returns_of(order),
        "return_address": settings.SHOP_RETURN_ADDRESS,
        "can_pay": order.is_open_for_payment and order.payment_method == Order.PaymentMethod.STRIPE,
        "just_placed": "placed" in request.GET,
        "just_paid": "paid" in request.GET,
        "invoice_account": settings.SHOP_BANK_ACCOUNT if is_transfer else [],
    }
    return render(request, "orders/detail.html", context)


@never_cache
@require_http_methods(["GET", "POST"])
def track(request: Request) -> HttpResponse:
    """Where an order is, for whoever knows its number and e-mail address. The answer to POST is the page itself."""
    form = TrackForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        given = form.cleaned_data
        queries.limit_tracking(request, given["number"])
        try:
            order = queries.find_by_number(given["number"], given["email"])
        except OrderNotFound as error:
            form.add_error(None, error.text)
        else:
            context = {"order": order, "steps": queries.progress(order), "events": queries.told(order)}
            return render(request, "orders/tracked.html", context)
    return render(request, "orders/track.html", {"form": form})


@never_cache
@login_required
@require_GET
def index(request: Request) -> HttpResponse:
    number = request.GET.get("page", "1")
    page = int(number) if number.isdecimal() and 0 < int(number) <= MAX_OFFSET // PAGE_SIZE else 1
    rows = Order.objects.filter(user=request.user.pk)
    context = {"page": paginate(rows, limit=PAGE_SIZE, offset=(page - 1) * PAGE_SIZE)}
    return render(request, "orders/list.html", context)


@never_cache
@require_POST
def cancel(request: Request, public_id: str) -> HttpResponse:
    order = queries.get_accessible(request, public_id, permission=queries.CHANGE)
    actor = queries.actor_of(request)
    try:
        order = operations.cancel_order(order, actor=actor, reason="cancelled on request", now=timezone.now())
        was_paid = order.payment_status != Order.PaymentStatus.VOIDED
        money = "What you paid goes back the way it came." if was_paid else "Nothing was charged."
        messages.success(request, f"Order {order.number} is cancelled. {money}")
    except DomainError as error:
        messages.error(request, error.text)
    return redirect(queries.page_of(request, order))


@never_cache
@require_http_methods(["GET", "POST"])
def request_return(request: Request, public_id: str) -> HttpResponse:
    """Which units go back, and why. Staff who may change orders ask on the buyer's behalf."""
    order = queries.get_accessible(request, public_id, permission=queries.CHANGE)
    if address := queries.address_without_token(request, order):
        return redirect(address)
    lines = queries.returnable(order, timezone.now())
    if not lines:
        messages.error(request, "There is nothing of this order that you can send back now.")
        return redirect(queries.page_of(request, order))
    form = ReturnForm(request.POST if request.method == "POST" else None, lines=lines)
    if form.is_valid():
        actor, note = queries.actor_of(request), form.cleaned_data["note"]
        try:
            operations.request_return(order, form.items, note=note, actor=actor, now=timezone.now())
        except DomainError as error:
            form.add_error(None, error.text)
        else:
            messages.success(request, "We have your wish to return. We answer by mail.")
            return redirect(queries.page_of(request, order))
    context = {
        "order": order,
        "form": form,
        "token": queries.given_token(request, order),
        "order_page": queries.page_of(request, order),
    }
    return render(request, "orders/return.html", context)
