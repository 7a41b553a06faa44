from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from .. import operations
from ..forms import AddressForm
from ..models import Address
from .pages import page, person


@never_cache
@login_required
@require_safe
def addresses(request: HttpRequest) -> HttpResponse:
    return render(request, "accounts/addresses.html", {"addresses": person(request).addresses.all()})


@never_cache
@login_required
def address_new(request: HttpRequest) -> HttpResponse:
    user = person(request)
    initial = {"full_name": user.get_full_name(), "phone": user.phone, "country": settings.SHOP_COUNTRY}
    form = AddressForm(request.POST or None, initial=initial)
    if form.is_valid():
        with form.showing_refusals():
            operations.save_address(user, form.body)
            messages.success(request, "The address is saved.")
            return redirect("accounts:addresses")
    return page(request, "accounts/address_form.html", form, address=None)


@never_cache
@login_required
def address_edit(request: HttpRequest, public_id: str) -> HttpResponse:
    address = address_of(request, public_id)
    form = AddressForm(request.POST or None, initial={name: getattr(address, name) for name in AddressForm.base_fields})
    if form.is_valid():
        operations.save_address(person(request), form.body, address)
        messages.success(request, "The address is saved.")
        return redirect("accounts:addresses")
    return page(request, "accounts/address_form.html", form, address=address)


@require_POST
@login_required
def address_delete(request: HttpRequest, public_id: str) -> HttpResponse:
    operations.delete_address(address_of(request, public_id))
    messages.success(request, "The address is deleted.")
    return redirect("accounts:addresses")


def address_of(request: HttpRequest, public_id: str) -> Address:
    try:
        return Address.objects.visible_to(request.user).get(public_id=public_id)
    except Address.DoesNotExist as error:
        raise Http404 from error
