"""The ledger only grows: PostgreSQL itself refuses to change or delete an entry."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- a member's account may go; the entry then forgets who it was, and nothing else
    IF TG_OP = 'UPDATE' AND NEW.member_id IS NULL
       AND to_jsonb(NEW) - 'member_id' = to_jsonb(OLD) - 'member_id' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the ledger is append-only: correct an entry by adding one that points at it';
END $$;
CREATE TRIGGER ledger_append_only BEFORE UPDATE OR DELETE ON costs_ledgerentry
    FOR EACH ROW EXECUTE FUNCTION ledger_is_append_only();
"""
BACKWARD = "DROP TRIGGER ledger_append_only ON costs_ledgerentry; DROP FUNCTION ledger_is_append_only();"


class Migration(migrations.Migration):
    dependencies = [("costs", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
