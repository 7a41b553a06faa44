from shop.errors import InvalidInput, NotFound


class UnusableAddress(InvalidInput):
    code = "unusable_address"
    text = "Webhooks can't be sent to this address."

    def __init__(self, reason: str) -> None:
        super().__init__(fields={"url": [reason]})
        self.reason = reason


class DeliveryNotFound(NotFound):
    text = "There is no such delivery."
