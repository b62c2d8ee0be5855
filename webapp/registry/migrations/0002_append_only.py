"""The history of stages only grows: PostgreSQL itself refuses to change or delete a move."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION stage_moves_are_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- a person's account may go; the move then forgets who it was, and nothing else
    IF TG_OP = 'UPDATE' AND NEW.by_id IS NULL AND to_jsonb(NEW) - 'by_id' = to_jsonb(OLD) - 'by_id' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the history of stages is append-only: move the version again';
END $$;
CREATE TRIGGER stage_moves_append_only BEFORE UPDATE OR DELETE ON registry_stagemove
    FOR EACH ROW EXECUTE FUNCTION stage_moves_are_append_only();
"""
BACKWARD = "DROP TRIGGER stage_moves_append_only ON registry_stagemove; DROP FUNCTION stage_moves_are_append_only();"


class Migration(migrations.Migration):
    dependencies = [("registry", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
