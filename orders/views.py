from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from shop.errors import DomainError
from shop.paging import MAX_OFFSET, paginate

from . import operations, queries
from .models import Order

PAGE_SIZE = 20


@never_cache
@require_GET
def detail(request: HttpRequest, public_id: str) -> HttpResponse:
    order = queries.get_accessible(request, public_id)
    context = {
        "order": order,
        "token": request.GET.get("token", ""),
        "can_cancel": order.is_cancellable,
        "can_pay": order.is_open_for_payment and order.payment_method == Order.PaymentMethod.STRIPE,
        "just_placed": "placed" in request.GET,
    }
    return render(request, "orders/detail.html", context)


@never_cache
@login_required
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    number = request.GET.get("page", "1")
    page = int(number) if number.isdecimal() and 0 < int(number) <= MAX_OFFSET // PAGE_SIZE else 1
    rows = Order.objects.filter(user=request.user).prefetch_related("lines")
    context = {"page": paginate(rows, limit=PAGE_SIZE, offset=(page - 1) * PAGE_SIZE)}
    return render(request, "orders/list.html", context)


@require_POST
def cancel(request: HttpRequest, public_id: str) -> HttpResponse:
    order = queries.get_accessible(request, public_id)
    actor = request.user.public_id if request.user.is_authenticated else "guest"
    try:
        operations.cancel_order(order, actor=actor, reason="cancelled by the buyer", now=timezone.now())
        messages.success(request, f"Order {order.number} is cancelled. What you paid goes back the way it came.")
    except DomainError as error:
        messages.error(request, error.text)
    token = request.POST.get("token", "")
    return redirect(f"{order.get_absolute_url()}?token={token}" if order.admits(token) else order)
