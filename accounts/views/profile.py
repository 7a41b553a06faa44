from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from .. import operations
from ..forms import ProfileForm
from .pages import page, person


@never_cache
@login_required
@sensitive_post_parameters("current_password")
def profile(request: HttpRequest) -> HttpResponse:
    user = person(request)
    initial = {name: getattr(user, name) for name in ("first_name", "last_name", "phone", "email")}
    form = ProfileForm(request.POST or None, initial=initial)
    if form.is_valid():
        with form.showing_refusals():
            operations.update_profile(user, asked_by=user, now=timezone.now(), **form.body.changes())
            messages.success(request, "Your details are saved.")
            return redirect("accounts:profile")
    return page(request, "accounts/profile.html", form, addresses=user.addresses.all())
