"""A request as the middlewares leave it: views that read what they added annotate their request as this type."""

from django.http import HttpRequest


class Request(HttpRequest):
    """Never made by us: Django's own request, with the attributes that `MIDDLEWARE` sets on it."""

    id: str
    client_address: str
    bearer: str
