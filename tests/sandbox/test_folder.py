"""The sandbox's folder: one holder at a time, secrets that stay, leftovers that go, strangers left alone."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from shop.sandbox.folder import DataFolder
from shop.sandbox.processes import SandboxError, spawn, started_at, wait_until


def test_secrets_are_made_once_and_closed_to_others(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data").prepare()
    made = folder.secrets()
    assert DataFolder(tmp_path / "data").secrets() == made
    assert all(len(secret) >= 32 for secret in made.values())
    assert made != DataFolder(tmp_path / "other").prepare().secrets()
    assert (folder.path / "secrets").stat().st_mode & 0o077 == 0


def test_a_second_holder_is_refused_until_the_first_lets_go(tmp_path: Path) -> None:
    first, second = DataFolder(tmp_path).prepare(), DataFolder(tmp_path)
    with first.held():
        first.publish({"PORT": "8123", "DATABASE_URL": "postgresql://here"})
        assert second.published()["DATABASE_URL"] == "postgresql://here"
        with pytest.raises(SandboxError, match=r"already running at .*:8123"), second.held():
            pass
    assert second.published() == {}
    with second.held():
        assert first.is_held()


def test_addresses_of_a_killed_run_are_not_given_out(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path).prepare()
    folder.publish({"DATABASE_URL": "postgresql://gone"})
    assert folder.published() == {}


def test_leftovers_are_ended_and_strangers_with_their_numbers_are_not(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path).prepare()
    ours, stranger = spawn(["sleep", "300"]), spawn(["sleep", "300"])
    try:
        folder.remember_processes([ours.pid, stranger.pid])
        noted = json.loads((folder.path / "processes").read_text())
        noted[str(stranger.pid)] = str(int(noted[str(stranger.pid)]) - 1)  # born at another time
        (folder.path / "processes").write_text(json.dumps(noted))
        folder.end_leftovers()
        assert ours.wait(5) < 0
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()
        ours.kill()


def test_what_an_ended_leader_left_in_its_group_is_ended_too(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path).prepare()
    leader = spawn(["bash", "-c", "sleep 300 & echo $!"], output=subprocess.PIPE)
    assert leader.stdout is not None
    member = int(leader.stdout.readline())
    leader.stdout.close()
    folder.remember_processes([leader.pid])
    born = started_at(member)
    leader.wait(5)
    folder.end_leftovers()
    assert wait_until(lambda: started_at(member) != born, 5)


def test_numbers_from_before_the_machine_restarted_mean_nothing(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path).prepare()
    process = spawn(["sleep", "300"])
    try:
        folder.remember_processes([process.pid])
        noted = json.loads((folder.path / "processes").read_text())
        (folder.path / "processes").write_text(json.dumps({**noted, "machine": "another boot"}))
        folder.end_leftovers()
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()


def test_a_database_is_seeded_once(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path).prepare()
    folder.remember_seeded("postgresql://one")
    assert folder.seeded("postgresql://one")
    assert not folder.seeded("postgresql://another")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make somebody else's folder")
def test_somebody_elses_folder_is_refused(tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, 12345)
    with pytest.raises(SandboxError, match="another user"):
        DataFolder(tmp_path).prepare()
