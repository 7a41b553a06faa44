"""Every page and every `/api/` route of the shop."""

import sys

from django.conf import settings
from django.conf.urls.static import static
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.templatetags.static import static as static_file
from django.urls import include, path
from django.views.generic import RedirectView

from accounts.models import User
from accounts.views import staff_login
from catalog.models import Product
from orders.models import Order
from shop import health
from shop.errors import DomainError, Forbidden, NotFound, refusal_of
from shop.responses import error_response

from .api import api

TOTALS = {"totalProducts": Product, "totalOrders": Order, "totalUsers": User}


def favicon(request: HttpRequest) -> HttpResponse:
    """Browsers ask for it on pages that name no icon, the admin's among them."""
    return redirect(static_file("icons/favicon.svg"))


urlpatterns = [
    path("", include("content.urls")),
    path("", include("catalog.urls")),
    path("cart/", include("cart.urls")),
    path("checkout/", include("checkout.urls")),
    path("", include("orders.urls")),
    path("", include("payments.urls")),
    path("", include("invoices.urls")),
    path("", include("reviews.urls")),
    path("account/", include("accounts.urls")),
    path("api/", api.urls),
    # Before the admin's own: staff sign in by the same door as everybody.
    path("admin/login/", staff_login),
    # The admin's own page would leave the person's tokens alive, and lets the old password be guessed without end.
    path("admin/password_change/", RedirectView.as_view(pattern_name="accounts:password_change")),
    path("admin/", admin.site.urls),
    path("livez", health.livez),
    path("readyz", health.readyz),
    path("health", health.health, {"totals": TOTALS}),
    path("favicon.ico", favicon),
    path("", include("notifications.urls")),
]
if settings.DEBUG:
    urlpatterns += static(settings.MEDIA_URL, document_root=settings.MEDIA_ROOT)


def handler400(request: HttpRequest, exception: Exception) -> HttpResponse:
    return error_response(request, DomainError())


def handler403(request: HttpRequest, exception: Exception) -> HttpResponse:
    return error_response(request, Forbidden())


def handler404(request: HttpRequest, exception: Exception) -> HttpResponse:
    return error_response(request, NotFound("There is nothing at this address."))


def handler500(request: HttpRequest) -> HttpResponse:
    """Also for what fails outside a view, such as reading the session while the database is away."""
    failure = DomainError("Something went wrong on our side.", code="internal_error", status=500)
    return error_response(request, refusal_of(sys.exc_info()[1]) or failure)
