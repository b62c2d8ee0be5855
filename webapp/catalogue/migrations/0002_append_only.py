"""Prices only grow: PostgreSQL itself refuses to change or delete one, so that a past day keeps its prices."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION catalogue_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- a member's account may go; an entry then forgets who it was, and nothing else
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - 'entered_by_id' = to_jsonb(OLD) - 'entered_by_id'
       AND to_jsonb(NEW) ->> 'entered_by_id' IS NULL THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'prices are append-only: add the new one, it takes the place of the old';
END $$;
CREATE TRIGGER price_append_only BEFORE UPDATE OR DELETE ON catalogue_price
    FOR EACH ROW EXECUTE FUNCTION catalogue_is_append_only();
CREATE TRIGGER api_price_append_only BEFORE UPDATE OR DELETE ON catalogue_apiprice
    FOR EACH ROW EXECUTE FUNCTION catalogue_is_append_only();
CREATE TRIGGER contract_use_append_only BEFORE UPDATE OR DELETE ON catalogue_contractuse
    FOR EACH ROW EXECUTE FUNCTION catalogue_is_append_only();
"""
BACKWARD = """
DROP TRIGGER price_append_only ON catalogue_price;
DROP TRIGGER api_price_append_only ON catalogue_apiprice;
DROP TRIGGER contract_use_append_only ON catalogue_contractuse;
DROP FUNCTION catalogue_is_append_only();
"""


class Migration(migrations.Migration):
    dependencies = [("catalogue", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
