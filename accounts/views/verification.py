from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_safe

from shop.middleware import client_address

from .. import operations
from ..forms import OperationForm, SendVerificationForm, VerifyEmailForm
from ..models import User
from .pages import page


@never_cache
@sensitive_post_parameters("password")
def verify_email(request: HttpRequest, secret: str) -> HttpResponse:
    """Opening the link changes nothing: mail scanners open every link. The button does."""
    owner = operations.owner_of_verification_link(secret)
    asked_by = request.user if isinstance(request.user, User) else None
    form_class = VerifyEmailForm if owner and owner != asked_by else OperationForm
    form = form_class(request.POST if request.method == "POST" else None)
    if form.is_valid():
        with form.showing_refusals():
            password = form.cleaned_data.get("password", "")
            operations.verify_email(secret, password=password, asked_by=asked_by, now=timezone.now())
            messages.success(request, "Your email address is confirmed.")
            return redirect("accounts:profile" if asked_by else "accounts:login")
    return page(request, "accounts/verify_email.html", form, owner=owner)


@never_cache
def verification_send(request: HttpRequest) -> HttpResponse:
    form = SendVerificationForm(request.POST or None)
    if form.is_valid():
        email, address = form.cleaned_data["email"], client_address(request)
        with form.showing_refusals():
            operations.start_verification(email, request_address=address, now=timezone.now())
            return redirect("accounts:verification_sent")
    return page(request, "accounts/verification_send.html", form)


@require_safe
def verification_sent(request: HttpRequest) -> HttpResponse:
    return render(request, "accounts/verification_sent.html")
