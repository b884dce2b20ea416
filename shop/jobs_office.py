"""Dead letters: jobs that were given up, for the office to try again or lay aside with a word why."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shop import audit
from shop.audit import Actor
from shop.errors import Invalid, NotFound, WrongState
from shop.outbox import Job


def dead_jobs(session: Session, *, page: int = 1, per_page: int = 50) -> tuple[list[Job], int]:
    """One page of dead letters, newest first, and how many there are."""
    total = session.scalar(select(func.count()).select_from(Job).where(Job.dead_at.is_not(None))) or 0
    statement = select(Job).where(Job.dead_at.is_not(None)).order_by(Job.dead_at.desc(), Job.id.desc())
    jobs = session.execute(statement.limit(per_page).offset((page - 1) * per_page)).scalars()
    return list(jobs), total


def retry_job(session: Session, job_id: int, actor: Actor) -> Job:
    """Open a dead job again, with all its tries. Raises NotFound, WrongState."""
    job = lock_dead(session, job_id)
    audit.record(session, actor, "job.retried", "job", job_id, before={"error": job.last_error})
    job.dead_at, job.lease_token = None, None
    job.attempts, job.next_at = 0, func.now()
    session.flush()
    session.execute(select(func.pg_notify("job_new", "")))
    return job


def discard_job(session: Session, job_id: int, actor: Actor, note: str) -> Job:
    """Lay a dead job aside as dealt with otherwise; `note` says how. Raises NotFound, WrongState, Invalid."""
    if not note.strip():
        raise Invalid(errors=[{"field": "note"}])
    job = lock_dead(session, job_id)
    audit.record(session, actor, "job.discarded", "job", job_id, before={"error": job.last_error}, after={"note": note})
    job.dead_at, job.done_at = None, func.now()
    session.flush()
    return job


def lock_dead(session: Session, job_id: int) -> Job:
    """The dead job, locked and read anew."""
    job = session.get(Job, job_id, with_for_update=True, populate_existing=True)
    if job is None:
        raise NotFound
    if job.dead_at is None:
        raise WrongState
    return job
