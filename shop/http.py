"""A request as the middlewares leave it: views that read what they added annotate their request as this type."""

from typing import TYPE_CHECKING

from django.http import HttpRequest

if TYPE_CHECKING:
    from .rate_limits import Taken


class Request(HttpRequest):
    """Never made by us: Django's own request, with the attributes that `MIDDLEWARE` sets on it."""

    id: str
    client_address: str
    bearer: str
    taken: "Taken"
    version: int
