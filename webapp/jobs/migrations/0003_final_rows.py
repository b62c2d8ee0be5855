"""Rows that tell what was stay as they were: ended jobs, ended attempts, events. PostgreSQL itself refuses otherwise.

A purge of whole projects says so first, in its own transaction: SET LOCAL isocost.purge = 'on' (see jobs/purge.py).
"""

from django.db import migrations

FORWARD = """
CREATE FUNCTION isocost_purging() RETURNS boolean LANGUAGE sql STABLE AS
$$ SELECT coalesce(current_setting('isocost.purge', true), '') = 'on' $$;

CREATE FUNCTION jobs_job_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF isocost_purging() THEN RETURN OLD; END IF;
        RAISE EXCEPTION 'job % is not deleted: jobs and what they cost are history', OLD.code USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.state IN ('succeeded', 'stopped', 'failed', 'cancelled')
       AND (to_jsonb(NEW) - '{title,created_by_id}'::text[]) IS DISTINCT FROM (to_jsonb(OLD) - '{title,created_by_id}'::text[]) THEN
        RAISE EXCEPTION 'job % has ended (%): a finished job never reopens', OLD.code, OLD.state USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.fence < OLD.fence OR NEW.last_seq < OLD.last_seq THEN
        RAISE EXCEPTION 'job %: fence and sequence numbers only grow', OLD.code USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER jobs_job_stays BEFORE UPDATE OR DELETE ON jobs_job FOR EACH ROW EXECUTE FUNCTION jobs_job_stays();

CREATE FUNCTION jobs_attempt_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF isocost_purging() THEN RETURN OLD; END IF;
    ELSIF OLD.ended_at IS NULL THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'attempt %/% is history and stays as it is', OLD.job_id, OLD.fence USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER jobs_attempt_stays BEFORE UPDATE OR DELETE ON jobs_attempt FOR EACH ROW EXECUTE FUNCTION jobs_attempt_stays();

CREATE FUNCTION jobs_event_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND isocost_purging() THEN RETURN OLD; END IF;
    RAISE EXCEPTION 'event % of job % is history and stays as it is', OLD.seq, OLD.job_id USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER jobs_event_stays BEFORE UPDATE OR DELETE ON jobs_jobevent FOR EACH ROW EXECUTE FUNCTION jobs_event_stays();
"""

BACKWARD = """
DROP TRIGGER jobs_event_stays ON jobs_jobevent;
DROP TRIGGER jobs_attempt_stays ON jobs_attempt;
DROP TRIGGER jobs_job_stays ON jobs_job;
DROP FUNCTION jobs_event_stays();
DROP FUNCTION jobs_attempt_stays();
DROP FUNCTION jobs_job_stays();
DROP FUNCTION isocost_purging();
"""


class Migration(migrations.Migration):
    dependencies = [("jobs", "0002_journal")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
