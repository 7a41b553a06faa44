from .models import ShippingMethod


def make_first_method() -> None:
    """Gives a shop without any way to deliver a flat rate, so that the first product can be sold."""
    if not ShippingMethod.objects.exists():
        ShippingMethod.objects.create(
            code="standard", name="Standard delivery", price_minor=490, free_from_minor=5000, min_days=1, max_days=3
        )
