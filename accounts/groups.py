"""The groups of staff that a new shop starts with, and what each may do.

A group is filled when it is made: what a shop takes out of it, or adds, stays. docs/security.md tells them in words.
"""

from django.apps import apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission

VIEW, EDIT = ("view",), ("view", "add", "change")
ALL = ("view", "add", "change", "delete")

# Models by app, and the verbs that a group has for them.
GROUPS: dict[str, dict[str, tuple[str, ...]]] = {
    # Answers buyers: looks orders up and moves them on. Gives no money back and changes nobody's account.
    "Support": {
        "orders.order": ("view", "change"),
        "payments.payment": VIEW,
        "accounts.user": VIEW,
        "cart.cartsnapshot": VIEW,
        "catalog.product": VIEW,
        "inventory.stockitem": VIEW,
        "reviews.review": ("view", "change"),
        "notifications.maillog": VIEW,
    },
    # Counts, packs and sends.
    "Warehouse": {
        "orders.order": ("view", "change"),
        "inventory.stockitem": ("view", "change"),
        "inventory.stockmovement": VIEW,
        "inventory.reservation": VIEW,
        "inventory.warehouse": EDIT,
        "catalog.product": VIEW,
    },
    # What is sold and for how much; sees neither buyers nor orders.
    "Catalogue": {
        "catalog.product": ALL,
        "catalog.variant": ALL,
        "catalog.productimage": ALL,
        "catalog.category": ALL,
        "catalog.brand": ALL,
        "catalog.attribute": ALL,
        "pricing.promotion": EDIT,
        "pricing.coupon": EDIT,
        # How many there are to buy is part of an article, in the API as on the product's page.
        "inventory.stockitem": ("view", "change"),
    },
    # Books money that came and gives money back.
    "Finance": {
        "orders.order": VIEW,
        "payments.payment": ("view", "change"),
        "payments.refund": ("view", "add"),
        "payments.webhookevent": VIEW,
        "pricing.taxclass": EDIT,
        "pricing.promotion": VIEW,
        "pricing.coupon": VIEW,
        "accounts.user": VIEW,
    },
    # The whole daily business. Who works here, and with which rights, only a superuser decides.
    "Manager": {
        "orders.order": ("view", "change"),
        "payments.payment": ("view", "change"),
        "payments.refund": ("view", "add"),
        "payments.webhookevent": VIEW,
        "accounts.user": ("view", "change"),
        "cart.cartsnapshot": VIEW,
        "catalog.product": ALL,
        "catalog.variant": ALL,
        "catalog.productimage": ALL,
        "catalog.category": ALL,
        "catalog.brand": ALL,
        "catalog.attribute": ALL,
        "pricing.promotion": EDIT,
        "pricing.coupon": EDIT,
        "pricing.taxclass": EDIT,
        "shipping.zone": ALL,
        "shipping.shippingmethod": ALL,
        "shipping.rate": ALL,
        "shipping.holiday": ALL,
        "inventory.stockitem": ("view", "change"),
        "inventory.stockmovement": VIEW,
        "inventory.reservation": VIEW,
        "inventory.warehouse": EDIT,
        "reviews.review": ("view", "change"),
        "notifications.maillog": VIEW,
        "shop.outboxevent": ("view", "change"),
    },
}


def make_groups(using: str = "default") -> None:
    """Makes those that are not there, with permissions that may not be there yet: other apps' turn comes later."""
    missing = set(GROUPS) - set(Group.objects.using(using).values_list("name", flat=True))
    if not missing:
        return
    for config in apps.get_app_configs():
        create_permissions(config, verbosity=0, using=using)
    for name in sorted(missing):
        group = Group.objects.using(using).create(name=name)
        group.permissions.set(permissions_of(name, using))


def permissions_of(name: str, using: str = "default") -> list[Permission]:
    wanted = {
        (app, f"{verb}_{model}")
        for app, model, verbs in ((*label.split("."), verbs) for label, verbs in GROUPS[name].items())
        for verb in verbs
    }
    found = Permission.objects.using(using).select_related("content_type")
    return [each for each in found if (each.content_type.app_label, each.codename) in wanted]
