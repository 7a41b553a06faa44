from .manual import ManualProvider


class CashOnDelivery(ManualProvider):
    """The courier takes the money: the order is confirmed at once, and staff record what arrived."""

    code = "cod"
    confirms_order = True
