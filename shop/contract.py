"""The API object: what every endpoint's answer has in common, said once."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI

from .paging import link_header


class ShopApi(NinjaAPI):
    def create_response(self, request: HttpRequest, data: Any, **kwargs: Any) -> HttpResponse:
        response = super().create_response(request, data, **kwargs)
        if isinstance(data, dict) and "pagination" in data:
            response["Link"] = link_header(request, data["pagination"])
        return response
