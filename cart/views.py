from collections.abc import Callable
from dataclasses import asdict

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from catalog.models import Variant
from pricing.errors import CouponInvalid
from pricing.operations import Destination
from shop.errors import DomainError, NotFound
from shop.http import Request

from . import operations, queries
from .forms import MAX_CODE, AddForm, CouponForm, DestinationForm, QuantityForm
from .limits import holder_of, limit, limit_codes


@never_cache
@require_GET
def detail(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    cart = queries.view(queries.current(request), now=now)
    place = queries.destination(request)
    offers = queries.offers(cart, customer=queries.customer_of(request.user), now=now)
    option = next(iter(queries.delivery_options(cart, destination=place, offers=offers)), None)
    context = {
        "cart": cart,
        "quote": queries.quote(cart, destination=place, option=option, offers=offers),
        "option": option,
        "undeliverable": option is None,
        "destination": place,
        "destination_form": DestinationForm(initial=asdict(place)),
        "free_from_minor": option.method.free_from_minor if option else None,
        "max_quantity": settings.SHOP_MAX_QUANTITY,
    }
    return render(request, "cart/detail.html", context)


@require_POST
def add(request: Request) -> HttpResponse:
    form = AddForm(request.POST)
    if not form.is_valid():
        messages.error(request, f"Choose a quantity from 1 to {settings.SHOP_MAX_QUANTITY}.")
        return redirect(back(request))
    variant = Variant.objects.purchasable().select_related("product").filter(sku=form.cleaned_data["sku"]).first()
    if variant is None:
        raise NotFound("This article is not sold any more.")
    quantity = form.cleaned_data["quantity"]
    limit(request, units=quantity)
    try:
        operations.refuse_sold_out(variant.sku, quantity)
        # One transaction: a first article that can't be added leaves no empty cart behind.
        with transaction.atomic():
            cart = queries.current(request) or operations.open_cart(request.user, holder=holder_of(request))
            operations.add_item(cart, variant=variant, quantity=quantity, now=timezone.now())
    except DomainError as error:
        messages.error(request, queries.in_words(error))
        return redirect(back(request))
    if not request.user.is_authenticated:
        request.session[queries.SESSION_KEY] = cart.public_id
    messages.success(request, f"{variant} is in your bag.")
    return redirect("cart:detail")


@require_POST
def update(request: Request, item_id: str) -> HttpResponse:
    form = QuantityForm(request.POST)
    cart = queries.current(request)
    if cart is None:
        return redirect("cart:detail")
    if not form.is_valid():
        messages.error(request, f"Choose a quantity from 1 to {settings.SHOP_MAX_QUANTITY}.")
        return redirect("cart:detail")
    quantity = form.cleaned_data["quantity"]
    limit(request, units=quantity)
    return attempt(
        request,
        lambda: (
            operations.set_quantity(cart, item_id, quantity=quantity, now=timezone.now())
            if quantity
            else operations.remove_item(cart, item_id, now=timezone.now())
        ),
    )


@require_POST
def remove(request: Request, item_id: str) -> HttpResponse:
    limit(request)
    cart = queries.current(request)
    return attempt(request, lambda: cart and operations.remove_item(cart, item_id, now=timezone.now()))


@require_POST
def add_coupon(request: Request) -> HttpResponse:
    """The page that follows says what the code takes off, or why nothing; a refused code stands in its field again."""
    form, cart = CouponForm(request.POST), queries.current(request)
    if cart is None:
        return redirect("cart:detail")
    try:
        limit_codes(request)
        if not form.is_valid():
            raise CouponInvalid("Enter a code.")
        operations.add_coupon(cart, form.cleaned_data["code"], now=timezone.now())
    except DomainError as error:
        messages.error(request, error.text)
        refused = urlencode({"code": request.POST.get("code", "")[:MAX_CODE]})
        return redirect(f"{resolve_url(back(request))}?{refused}")
    return redirect(back(request))


@require_POST
def remove_coupon(request: Request) -> HttpResponse:
    limit(request)
    if cart := queries.current(request):
        operations.remove_coupons(cart, request.POST.get("code", ""), now=timezone.now())
    return redirect(back(request))


@require_POST
def destination(request: Request) -> HttpResponse:
    """Prices the delivery to where the visitor says it would go."""
    limit(request)
    form = DestinationForm(request.POST)
    if form.is_valid():
        queries.remember_destination(request, Destination(**form.cleaned_data))
    else:
        messages.error(request, "Choose a country that we deliver to.")
    return redirect("cart:detail")


@require_POST
def clear(request: Request) -> HttpResponse:
    limit(request)
    cart = queries.current(request)
    return attempt(request, lambda: cart and operations.clear(cart, now=timezone.now()))


def attempt(request: HttpRequest, operation: Callable[[], object]) -> HttpResponse:
    try:
        operation()
    except DomainError as error:
        messages.error(request, queries.in_words(error))
    return redirect("cart:detail")


def back(request: HttpRequest) -> str:
    """The page that the form stood on, if it is one of ours."""
    target = request.POST.get("next", "")
    ours = url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return target if ours else "cart:detail"
