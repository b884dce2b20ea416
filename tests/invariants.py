"""What of `shop check` may be asked where nobody works."""

from __future__ import annotations

from sqlalchemy.orm import Session

from orders.check import Fault, faults


def faults_without_workers(session: Session) -> list[Fault]:
    """Every invariant that does not hold, but for jobs that wait: with no worker they must."""
    return [fault for fault in faults(session) if "waited" not in fault.invariant]
