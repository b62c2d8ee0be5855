"""Errors of the job machinery. The message is a sentence for the person who asked."""


class JobError(Exception):
    """What was asked of a job cannot be done."""


class JobRefused(JobError):
    """A limit or a budget forbids the job; nothing was made."""


class Fenced(JobError):
    """Another attempt took the job over: every write of this one is refused, and it must end at once."""
