"""Fits and sealed predictions are written once: PostgreSQL itself refuses to change or delete them."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION ladders_is_sealed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is written once: it can neither be changed nor deleted', TG_TABLE_NAME;
END $$;
CREATE TRIGGER sealed_prediction_once BEFORE UPDATE OR DELETE ON ladders_sealedprediction
    FOR EACH ROW EXECUTE FUNCTION ladders_is_sealed();
CREATE TRIGGER scaling_fit_once BEFORE UPDATE OR DELETE ON ladders_scalingfit
    FOR EACH ROW EXECUTE FUNCTION ladders_is_sealed();
"""
BACKWARD = """
DROP TRIGGER scaling_fit_once ON ladders_scalingfit;
DROP TRIGGER sealed_prediction_once ON ladders_sealedprediction;
DROP FUNCTION ladders_is_sealed();
"""


class Migration(migrations.Migration):
    dependencies = [("ladders", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
