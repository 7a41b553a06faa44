from datetime import datetime

from django.db.models import QuerySet

from .errors import DeliveryNotFound
from .models import Delivery

VIEW_ENDPOINTS, VIEW, CHANGE = "webhooks.view_endpoint", "webhooks.view_delivery", "webhooks.change_delivery"


def deliveries(*, state: str = "", topic: str = "", endpoint_id: str = "") -> QuerySet[Delivery]:
    """Those that match all that is given, the newest first, with their endpoints."""
    wanted = {"state": state, "topic": topic, "endpoint__public_id": endpoint_id}
    found = Delivery.objects.filter(**{name: value for name, value in wanted.items() if value})
    return found.select_related("endpoint").order_by("-created_at", "-id")


def given_up(*, since: datetime, endpoint_id: str = "") -> QuerySet[Delivery]:
    """What is given up of all that was to be told since then, to one endpoint or to all."""
    return deliveries(state=Delivery.State.FAILED, endpoint_id=endpoint_id).filter(created_at__gte=since)


def get_delivery(public_id: str) -> Delivery:
    """Raises DeliveryNotFound."""
    found = Delivery.objects.select_related("endpoint").filter(public_id=public_id).first()
    if found is None:
        raise DeliveryNotFound
    return found
