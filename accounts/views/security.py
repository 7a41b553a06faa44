from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from .pages import person
from .second_factor import security_context


@never_cache
@login_required
@require_safe
def security(request: HttpRequest) -> HttpResponse:
    return render(request, "accounts/security.html", security_context(person(request)))
