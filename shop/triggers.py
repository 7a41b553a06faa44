"""SQL for rows that nobody may change, not even our own code."""

from django.db.migrations import RunSQL

REFUSE_CHANGE = RunSQL(
    """
    CREATE FUNCTION shop_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
    END $$;
    """,
    "DROP FUNCTION shop_refuse_change()",
)


def append_only(table: str) -> RunSQL:
    """Makes UPDATE and DELETE on the table fail. Depends on shop's first migration."""
    return RunSQL(
        f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table}"
        " FOR EACH ROW EXECUTE FUNCTION shop_refuse_change()",
        f"DROP TRIGGER append_only ON {table}",
    )
