"""Quotes and what came of them are written once: PostgreSQL itself refuses to change or delete them."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION quotes_are_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a quote is what was known at the time, and its outcome what came: neither is changed afterwards';
END $$;
CREATE TRIGGER quote_immutable BEFORE UPDATE OR DELETE ON quotes_quote
    FOR EACH ROW EXECUTE FUNCTION quotes_are_immutable();
CREATE TRIGGER quote_outcome_immutable BEFORE UPDATE OR DELETE ON quotes_quoteoutcome
    FOR EACH ROW EXECUTE FUNCTION quotes_are_immutable();
"""
BACKWARD = """
DROP TRIGGER quote_immutable ON quotes_quote;
DROP TRIGGER quote_outcome_immutable ON quotes_quoteoutcome;
DROP FUNCTION quotes_are_immutable();
"""


class Migration(migrations.Migration):
    dependencies = [("quotes", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
