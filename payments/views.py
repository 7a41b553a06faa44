import logging
from urllib.parse import urlencode

from django.contrib import messages
from django.db import DatabaseError
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from orders.models import Order
from orders.queries import CHANGE, address_without_token, get_accessible
from shop import failpoints, rate_limits
from shop.errors import DomainError
from shop.http import Request

from . import operations, queries
from .errors import InvalidSignature, ProviderUnavailable
from .forms import MethodForm
from .models import Payment

log = logging.getLogger(__name__)
# The buyer has done what there was to do.
NEEDS_NOTHING = {Order.PaymentStatus.PAID, Order.PaymentStatus.AUTHORIZED}


class SeeOther(HttpResponseRedirect):
    status_code = 303


@never_cache
@require_GET
def pay(request: Request, public_id: str) -> HttpResponse:
    order = get_accessible(request, public_id)
    if order.payment_status in NEEDS_NOTHING:
        return redirect(_url("orders:detail", order, request))
    if address := address_without_token(request, order):
        return redirect(address)
    return _pay_page(request, order)


@require_POST
def start(request: Request, public_id: str) -> HttpResponse:
    """Sends the buyer to the payment page, or to the order when nothing is paid online."""
    rate_limits.check("checkout", request.client_address)
    order = get_accessible(request, public_id, permission=CHANGE)
    form = MethodForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Choose how you would like to pay.")
        return _pay_page(request, order, status=400)
    try:
        payment = _start(order, form.cleaned_data["payment_method"], request.client_address)
    except DomainError as error:
        order.refresh_from_db()
        if order.payment_status in NEEDS_NOTHING:
            return SeeOther(_url("orders:detail", order, request))
        messages.error(request, error.text)
        page = _pay_page(request, order, status=error.status)
        for name, value in error.headers.items():
            page[name] = value
        return page
    return SeeOther(payment.redirect_url or _url("orders:detail", order, request, placed="1"))


@never_cache
@require_GET
def return_(request: Request, public_id: str) -> HttpResponse:
    """Where the provider sends the buyer back to. Anybody can open this address: only the provider's word counts."""
    order = get_accessible(request, public_id)
    try:
        for payment in order.payments.unsettled():
            operations.settle(payment, now=timezone.now())
    except ProviderUnavailable:
        messages.info(request, "We are waiting for word of your payment. It will show here as soon as it has arrived.")
        return redirect(_url("orders:detail", order, request))
    order.refresh_from_db()
    if order.payment_status in NEEDS_NOTHING:
        return redirect(_url("orders:detail", order, request, paid="1"))
    return redirect(_url("payments:pay", order, request))


@csrf_exempt
@require_POST
def stripe_webhook(request: Request) -> HttpResponse:
    """Keeps the message and answers; a worker acts on it. Anything but a 2xx lets Stripe send it again."""
    try:
        signature = request.headers.get("Stripe-Signature", "")
        operations.store_webhook("stripe", request.body, signature, now=timezone.now())
    except InvalidSignature:
        log.warning("a webhook without a valid signature came from %s", request.client_address)
        return HttpResponse("invalid signature", status=400, content_type="text/plain")
    except DatabaseError:
        log.exception("a webhook could not be kept")
        return HttpResponse("try again", status=503, content_type="text/plain", headers={"Retry-After": "30"})
    failpoints.reach("webhooks.before_answer")
    return HttpResponse("kept", content_type="text/plain")


def _start(order: Order, method: str, address: str) -> Payment:
    now = timezone.now()
    if method and method != order.payment_method:
        return operations.change_method(order, method, now=now, address=address)
    return operations.start(order, now=now, address=address)


def _pay_page(request: Request, order: Order, *, status: int = 200) -> HttpResponse:
    context = {
        "order": order,
        "payment": order.payments.order_by("id").last(),
        "can_pay": order.is_open_for_payment,
        "methods": [(code, label, code == order.payment_method) for code, label in queries.available_methods()],
        "token": _token(request, order),
    }
    return render(request, "payments/pay.html", context, status=status)


def _url(name: str, order: Order, request: Request, **query: str) -> str:
    if token := _token(request, order):
        query["token"] = token
    path = reverse(name, args=[order.public_id])
    return f"{path}?{urlencode(query)}" if query else path


def _token(request: Request, order: Order) -> str:
    token = request.GET.get("token", "") or request.POST.get("token", "")
    return token if order.admits(token) else ""
