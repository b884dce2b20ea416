"""X3: models and migrations say the same; every migration goes down and up on a full house, and its SQL is safe."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask
from sqlalchemy import inspect, text

from shop.db import db
from shop.health import newest_migration
from shop.migrating import SCRIPTS, downgrade, upgrade
from tests.figures import Figures, size

ROWS = size(1_000, 100_000)
BIG = ("order", "order_line", "stock_movement", "job")
IN_THE_CONNECTION = "every connection of `shop migrate` says it, by shop.db.TIMEOUTS"
COUNTS_OF_THINGS = "counts packs, days, tries or positions; a CHECK or the business keeps it small"
ONE_TRANSACTION = "one transaction, so that a try that got no lock leaves nothing half; X3 says how long it takes"

# squawk's rule -> why it does not hold here; by migration where it is about that one only.
EVERYWHERE = {
    "require-lock-timeout": IN_THE_CONNECTION,
    "require-statement-timeout": IN_THE_CONNECTION,
    "prefer-bigint-over-int": COUNTS_OF_THINGS,
    "prefer-bigint-over-smallint": COUNTS_OF_THINGS,
}
EXCEPTIONS = {
    "0001": {"prefer-text-field": "Alembic's own table of versions"},
    "0005": {"constraint-missing-not-valid": ONE_TRANSACTION},
    "0006": {
        "constraint-missing-not-valid": ONE_TRANSACTION,
        "adding-foreign-key-constraint": ONE_TRANSACTION,
        "require-concurrent-index-creation": ONE_TRANSACTION,
        "ban-drop-constraint": "the wider rule takes its place in the same transaction",
    },
    "0007": {
        "constraint-missing-not-valid": ONE_TRANSACTION,
        "ban-drop-column": "the computed charge of a line takes its own place in the same transaction",
        "adding-field-with-default": "it rewrites the table of order lines once: docs/operations.md, a quiet hour",
    },
    "0008": {"constraint-missing-not-valid": ONE_TRANSACTION},
    "0010": {
        "constraint-missing-not-valid": ONE_TRANSACTION,
        "require-concurrent-index-creation": "the weights of the router are a handful of rows",
    },
    "0011": {
        "constraint-missing-not-valid": ONE_TRANSACTION,
        "ban-drop-constraint": "the wider rule takes its place in the same transaction",
    },
    "0013": {
        "constraint-missing-not-valid": ONE_TRANSACTION,
        "ban-drop-constraint": "the wider rule takes its place in the same transaction",
        "require-concurrent-index-creation": "consignments have a few lines each, few of them awaited",
    },
}


@pytest.fixture
def inside(app: Flask) -> Iterator[Flask]:
    """The application, without Alembic's chatter."""
    before = logging.getLogger("alembic").level
    logging.getLogger("alembic").setLevel("WARNING")
    with app.app_context():
        yield app
        db.session.remove()
    logging.getLogger("alembic").setLevel(before)


def differences() -> list[object]:
    """What autogenerate would still change."""
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return list(compare_metadata(context, db.metadata))


def steps() -> list[tuple[str, str]]:
    """Every migration with the one before it ('base' before the first), oldest first."""
    migrations = ScriptDirectory(str(SCRIPTS))
    return [(one.revision, one.down_revision or "base") for one in migrations.walk_revisions()][::-1]


def test_models_and_migrations_agree(inside: Flask) -> None:
    assert differences() == []


def test_readiness_knows_the_newest_migration() -> None:
    assert newest_migration() == ScriptDirectory(str(SCRIPTS)).get_current_head()


def fill(rows: int) -> None:
    """The house full of orders, by sets."""
    script = (Path(__file__).parent / "many_rows.sql").read_text().replace(":rows", str(rows))
    with db.engine.begin() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.exec_driver_sql(script)


def test_x3_every_migration_goes_down_and_up_again_on_a_full_house(
    inside: Flask, figures: Callable[[str], Figures]
) -> None:
    fill(ROWS)
    with db.engine.connect() as connection:
        counts = [connection.scalar(text(f'SELECT count(*) FROM "{table}"')) for table in BIG]
    db.engine.dispose()
    slowest, failed = (0.0, ""), []
    for revision, before in reversed(steps()[1:]):
        try:
            downgrade(revision=before)
            started = time.monotonic()
            upgrade(revision=revision)
            slowest = max(slowest, (time.monotonic() - started, revision))
            downgrade(revision=before)
        except Exception as error:  # noqa: BLE001  the figure names it
            failed.append(f"{revision}: {error}")
            break
    if not failed:
        downgrade(revision="base")
        assert inspect(db.engine).get_table_names() == ["alembic_version"]
        with db.engine.connect() as connection:
            functions = text("SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace")
            assert connection.scalar(functions) == 0
        upgrade()
    x3 = figures("X3")
    x3.at_least("rows in each of the big tables", min(map(int, counts)), ROWS)
    x3.exactly(f"migrations that fail down, up, down {failed or ''}".strip(), len(failed), 0)
    x3.keep("slowest migration up", f"{slowest[0]:.2f} s ({slowest[1]})", "told only", True)
    x3.exactly("differences between models and tables afterwards", len(differences()), 0)


def sql_of(before: str, revision: str) -> str:
    """What `upgrade --sql` prints for one migration."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        upgrade(revision=f"{before}:{revision}", sql=True)
    return printed.getvalue()


def test_x3_the_sql_of_every_migration_is_safe_under_load(
    inside: Flask, tmp_path: Path, figures: Callable[[str], Figures]
) -> None:
    for revision, before in steps():
        (tmp_path / f"{revision}.sql").write_text(sql_of(before, revision))
    linter = Path(sys.executable).parent / "squawk"
    files = sorted(str(path) for path in tmp_path.glob("*.sql"))
    told = subprocess.run([linter, "--pg-version", "15", "--reporter", "json", *files], capture_output=True, text=True)
    found = {(Path(one["file"]).stem, one["rule_name"]) for one in json.loads(told.stdout)}
    named = {(revision, rule) for revision, rules in EXCEPTIONS.items() for rule in rules}
    new = sorted(one for one in found if one[1] not in EVERYWHERE and one not in named)
    x3 = figures("X3")
    x3.exactly(f"findings of squawk in {len(files)} migrations, beside the named {new or ''}".strip(), len(new), 0)
    assert named <= found, "exceptions that are not needed any more"
