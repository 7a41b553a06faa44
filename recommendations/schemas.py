from catalog.schemas import ProductAnswer
from shop.api import Answer


class BesideAnswer(Answer):
    """`similar` leaves out what stands in `boughtTogether`. Everything can be bought at this moment."""

    bought_together: list[ProductAnswer]
    similar: list[ProductAnswer]
