from collections.abc import Iterable

from shop.errors import Conflict


class MailNotEarned(Conflict):
    code = "mail_not_earned"
    text = "There is no such mail to send for this order now."

    def __init__(self, allowed: Iterable[str]) -> None:
        super().__init__(extra={"allowed": list(allowed)})
