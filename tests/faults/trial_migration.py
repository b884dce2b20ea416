"""Runs `shop migrate` with one more migration behind the newest: a column for the table of orders.

python -m tests.faults.trial_migration FOLDER [--patient]   # --patient: waits for the lock as long as it takes
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from alembic.script import ScriptDirectory

import shop.db
import shop.migrating
from shop.app import create_app
from shop.cli import migrate
from shop.sandbox.folder import PROJECT

TRIAL = '''"""A column that needs the whole table for a moment."""
from alembic import op
revision, down_revision, branch_labels, depends_on = "trial", "{newest}", None, None
def upgrade():
    op.execute('ALTER TABLE "order" ADD COLUMN trial bigint')
def downgrade():
    op.execute('ALTER TABLE "order" DROP COLUMN trial')
'''


def main(folder: Path, *, patient: bool) -> None:
    """The shop's own command on a copy of its migrations."""
    migrations = folder / "migrations"
    shutil.copytree(PROJECT / "shop" / "migrations", migrations)
    newest = ScriptDirectory(str(migrations)).get_current_head()
    (migrations / "versions" / "trial.py").write_text(TRIAL.format(newest=newest))
    if patient:
        statement, _lock, *others = shop.db.TIMEOUTS["migrate"]
        shop.db.TIMEOUTS["migrate"] = (statement, 0, *others)
    shop.migrating.SCRIPTS = migrations
    with create_app().app_context():
        migrate.main(args=[], prog_name="shop", standalone_mode=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]), patient="--patient" in sys.argv)
