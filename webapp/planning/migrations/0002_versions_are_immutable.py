"""A version of a plan never changes: PostgreSQL itself refuses. It goes only with its plan."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION plan_version_is_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- a member's account may go; the version then forgets who made it, and nothing else
    IF NEW.created_by_id IS NULL AND to_jsonb(NEW) - 'created_by_id' = to_jsonb(OLD) - 'created_by_id' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a version of a plan is immutable: make a new one';
END $$;
CREATE TRIGGER plan_version_immutable BEFORE UPDATE ON planning_planversion
    FOR EACH ROW EXECUTE FUNCTION plan_version_is_immutable();
"""
BACKWARD = "DROP TRIGGER plan_version_immutable ON planning_planversion; DROP FUNCTION plan_version_is_immutable();"


class Migration(migrations.Migration):
    dependencies = [("planning", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
