from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in

from shop import invariants, privacy

from .invariants import INVARIANTS


class CartConfig(AppConfig):
    name = "cart"

    def ready(self) -> None:
        # Its module reads models, which exist only now.
        from .handlers import merge_at_sign_in
        from .privacy import PART

        privacy.register(PART)
        invariants.register(*INVARIANTS)
        user_logged_in.connect(merge_at_sign_in, dispatch_uid="cart.merge_at_sign_in")
