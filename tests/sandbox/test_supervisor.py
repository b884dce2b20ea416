"""The supervisor shows what its children say, starts again what dies, and leaves nobody behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shop.sandbox.processes import wait_until

# A little house of two children: one with a child of its own, one that dies at once every time.
PROGRAM = '''
import os, sys
from pathlib import Path
from shop.sandbox.supervisor import Child, Supervisor

folder = Path(sys.argv[1])
house = Supervisor()
house.on_change = lambda pids: (folder / "pids").write_text(" ".join(map(str, pids)))
env = dict(os.environ, FOLDER=str(folder))
steady = """{first} echo hello; sleep 300 & echo "$!" > "$FOLDER/grandchild"; wait"""
house.add(Child("steady", ["bash", "-c", steady], env, folder))
if {brittle}:
    house.add(Child("brittle", ["bash", "-c", "echo I fall; exit 3"], env, folder))
while not house.stopping:
    house.turn()
house.stop()
print("over", flush=True)
'''
DEAF = "trap '' TERM;"


class House:
    """A supervisor in a process of its own, and what it has said so far."""

    def __init__(self, folder: Path, *, first: str = "", brittle: bool = False) -> None:
        self.folder = folder
        self.said = folder / "said"
        program = PROGRAM.replace("{first}", first).replace("{brittle}", str(brittle))
        with self.said.open("wb") as said:
            command = [sys.executable, "-c", program, str(folder)]
            self.process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT)

    def waits_for(self, true: Callable[[], bool], seconds: float = 15) -> None:
        assert wait_until(true, seconds), self.said.read_text()

    def says(self, text: str) -> bool:
        return text in self.said.read_text()

    def pids(self) -> list[int]:
        """The children and the grandchild, once they stand."""
        self.waits_for(lambda: (self.folder / "grandchild").exists() and (self.folder / "pids").exists())
        self.waits_for(lambda: bool((self.folder / "grandchild").read_text().strip()))
        children = (self.folder / "pids").read_text().split()
        return [int(pid) for pid in (*children, (self.folder / "grandchild").read_text())]


@pytest.fixture
def house_in(folder: Path) -> Iterator[Callable[..., House]]:
    houses = []

    def build(**wishes: object) -> House:
        houses.append(House(folder, **wishes))  # type: ignore[arg-type]
        return houses[-1]

    yield build
    for house in houses:
        house.process.kill()
        house.process.wait()


def alive(pids: list[int]) -> list[int]:
    """Those that still run; a zombie waiting for its parent has ended."""
    return [pid for pid in pids if (state := state_of(pid)) and state != "Z"]


def state_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_ends_children_and_grandchildren(house_in: Callable[..., House], sign: signal.Signals) -> None:
    house = house_in()
    pids = house.pids()
    house.waits_for(lambda: house.says("steady  | hello"))
    house.process.send_signal(sign)
    assert house.process.wait(20) == 0
    assert house.says("over")
    assert alive(pids) == []


def test_a_second_ctrl_c_does_not_wait_for_a_child_that_will_not_end(house_in: Callable[..., House]) -> None:
    house = house_in(first=DEAF)
    pids = house.pids()
    house.process.send_signal(signal.SIGINT)
    house.waits_for(lambda: house.says("Ctrl-C again stops at once"))
    assert alive(pids) == pids
    house.process.send_signal(signal.SIGINT)
    assert house.process.wait(15) == 0
    assert house.says("killing steady")
    assert alive(pids) == []


def test_a_killed_supervisor_takes_its_children_along(house_in: Callable[..., House]) -> None:
    house = house_in()
    children = house.pids()[:-1]
    house.process.kill()
    assert wait_until(lambda: not alive(children), 10)


def test_a_child_that_dies_is_started_again_with_longer_and_longer_waits(
    house_in: Callable[..., House],
) -> None:
    house = house_in(brittle=True)
    house.waits_for(lambda: house.says("ended with status 3, starting it again in 2 s"), 20)
    said = house.said.read_text()
    assert said.index("again in 0.5 s") < said.index("again in 1 s") < said.index("again in 2 s")
    assert said.count("brittle | I fall") >= 3


def test_a_restarted_child_does_not_leave_its_own_children_behind(house_in: Callable[..., House]) -> None:
    house = house_in()
    child, grandchild = house.pids()
    os.kill(child, signal.SIGKILL)
    house.waits_for(lambda: house.says("ended with status -9"))
    house.waits_for(lambda: not alive([grandchild]))
    house.waits_for(lambda: str(child) not in (house.folder / "pids").read_text().split())
    assert alive([int(pid) for pid in (house.folder / "pids").read_text().split()])
