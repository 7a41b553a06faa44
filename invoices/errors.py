from shop.errors import NotFound


class InvoiceNotFound(NotFound):
    code = "invoice_not_found"
    text = "There is no such invoice."
