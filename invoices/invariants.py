from shop.invariants import Invariant

INVOICES = "SELECT count(*) FROM invoices_invoice"

INVARIANTS = (
    Invariant(
        "INV1",
        "the numbers of a series and year are 1, 2, 3 ... without a gap, up to the last one given",
        """
        SELECT n.series, n.year, n.given, n.highest, s.last FROM (
            SELECT series, year, count(*) AS given, max(sequence) AS highest,
                bool_or(number <> series || year || '-' || lpad(sequence::text, 6, '0')) AS is_misnamed
            FROM invoices_invoice GROUP BY 1, 2
        ) n FULL JOIN invoices_series s ON s.code = n.series AND s.year = n.year
        WHERE n.given IS DISTINCT FROM n.highest OR n.highest IS DISTINCT FROM s.last OR n.is_misnamed
        """,
        INVOICES,
    ),
    Invariant(
        "INV2",
        "net + tax = gross on every line, and an invoice's sums are its lines'",
        """
        SELECT i.number, i.total_minor, sum(l.gross_minor) AS lines FROM invoices_invoice i
        LEFT JOIN invoices_invoiceline l ON l.invoice_id = i.id
        GROUP BY i.id
        HAVING i.net_minor <> coalesce(sum(l.net_minor), 0) OR i.tax_minor <> coalesce(sum(l.tax_minor), 0)
            OR i.total_minor <> i.net_minor + i.tax_minor OR bool_or(l.gross_minor <> l.net_minor + l.tax_minor)
        """,
        INVOICES,
    ),
    Invariant(
        "INV3",
        "an order has one invoice that stands, and its figures are the order's own for each rate",
        """
        WITH edits AS (
            SELECT order_id, count(*) AS edits FROM orders_orderevent WHERE type = 'edited' GROUP BY 1
        ), standing AS (
            SELECT i.id, i.order_id, i.number FROM invoices_invoice i LEFT JOIN edits e USING (order_id)
            WHERE i.kind = 'invoice' AND i.edition = 1 + coalesce(e.edits, 0)
        ), invoiced AS (
            SELECT s.order_id, l.tax_rate, sum(l.net_minor) AS net, sum(l.tax_minor) AS tax
            FROM standing s JOIN invoices_invoiceline l ON l.invoice_id = s.id GROUP BY 1, 2
        ), ordered AS (
            SELECT order_id, tax_rate, sum(net_minor) AS net, sum(tax_minor) AS tax FROM (
                SELECT order_id, tax_rate, net_minor, tax_minor FROM orders_orderline
                UNION ALL
                SELECT id, shipping_tax_rate, shipping_net_minor, shipping_tax_minor FROM orders_order
            ) part WHERE order_id IN (SELECT order_id FROM standing) GROUP BY 1, 2
        )
        SELECT o.number, coalesce(i.tax_rate, p.tax_rate) AS rate, i.net, p.net AS of_order, i.tax,
            p.tax AS tax_of_order
        FROM invoiced i FULL JOIN ordered p USING (order_id, tax_rate) JOIN orders_order o ON o.id = order_id
        WHERE coalesce(i.net, 0) <> coalesce(p.net, 0) OR coalesce(i.tax, 0) <> coalesce(p.tax, 0)
        UNION ALL
        SELECT o.number, NULL, count(*), NULL, NULL, NULL FROM standing s JOIN orders_order o ON o.id = s.order_id
        GROUP BY o.number HAVING count(*) > 1
        """,
        "SELECT count(*) FROM invoices_invoice WHERE kind = 'invoice'",
    ),
    Invariant(
        "INV4",
        "credit notes take back no more of an invoice's line than is in it, of its own order, rate and currency",
        """
        SELECT i.number, l.position, l.gross_minor, sum(c.gross_minor) AS credited FROM invoices_invoiceline l
        JOIN invoices_invoice i ON i.id = l.invoice_id
        JOIN invoices_invoiceline c ON c.corrects_id = l.id
        JOIN invoices_invoice n ON n.id = c.invoice_id
        GROUP BY i.number, l.id
        HAVING sum(c.net_minor) > l.net_minor OR sum(c.tax_minor) > l.tax_minor OR sum(c.quantity) > l.quantity
            OR bool_or(c.tax_rate <> l.tax_rate OR n.order_id <> i.order_id OR n.currency <> i.currency
                OR n.corrects_id IS DISTINCT FROM i.id)
        UNION ALL
        SELECT n.number, l.position, l.gross_minor, NULL FROM invoices_invoiceline l
        JOIN invoices_invoice n ON n.id = l.invoice_id
        WHERE (n.kind = 'credit_note') <> (l.corrects_id IS NOT NULL)
        """,
        "SELECT count(*) FROM invoices_invoiceline",
    ),
)
