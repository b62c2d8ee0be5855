"""Lines of invoices only grow, as the ledger does; of both an account that goes is forgotten, and nothing else."""

from django.db import migrations

FORWARD = """
CREATE OR REPLACE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- a member's account may go; the entry then forgets who it was, and nothing else
    IF TG_OP = 'UPDATE'
       AND (NEW.member_id IS NULL OR NEW.member_id = OLD.member_id)
       AND (NEW.entered_by_id IS NULL OR NEW.entered_by_id = OLD.entered_by_id)
       AND to_jsonb(NEW) - 'member_id' - 'entered_by_id' = to_jsonb(OLD) - 'member_id' - 'entered_by_id' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the ledger is append-only: correct an entry by adding one that points at it';
END $$;
CREATE FUNCTION invoice_lines_are_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'lines of invoices are append-only: the provider corrects them by new lines';
END $$;
CREATE TRIGGER invoice_line_append_only BEFORE UPDATE OR DELETE ON costs_invoiceline
    FOR EACH ROW EXECUTE FUNCTION invoice_lines_are_append_only();
"""
BACKWARD = """
DROP TRIGGER invoice_line_append_only ON costs_invoiceline; DROP FUNCTION invoice_lines_are_append_only();
CREATE OR REPLACE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.member_id IS NULL
       AND to_jsonb(NEW) - 'member_id' = to_jsonb(OLD) - 'member_id' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the ledger is append-only: correct an entry by adding one that points at it';
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("costs", "0004_kinds_commitments_invoices")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
