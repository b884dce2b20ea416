"""The shop's workers with short leases: what a killed one held comes back soon (`--app tests.payments.soak_workers`).

`python -m tests.payments.soak_workers` is a relay that knows them. DEFECT plants a fault (tests/payments/defects.py).
"""

from __future__ import annotations

import os
from dataclasses import replace

from tests.payments.defects import ENVIRONMENT, plant
from workers.app import celery, flask_app
from workers.topics import TOPICS

LEASE = 6

for name in ("payment.event", "refund.push"):
    TOPICS[name] = replace(TOPICS[name], lease=LEASE, tries=1_000)
plant(os.environ.get(ENVIRONMENT, ""), setattr)


def main() -> None:
    """A relay with these leases."""
    from workers.relay import command

    with flask_app().app_context():
        command.main(args=[], standalone_mode=False)


if __name__ == "__main__":
    main()

app = celery
