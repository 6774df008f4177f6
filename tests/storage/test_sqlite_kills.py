"""Four processes write to one SQLite store and are killed fifty times: nothing that was acknowledged is lost."""

from pathlib import Path

from sotopia_core.database.names import STORED
from sotopia_core.profiles import AgentProfile
from sotopia_storage.sqlite import SQLite
from sotopia_testing.storage import person
from tests.storage.processes import running

# One process that imports once and forks the writers, since starting Python fifty times would take most of the time.
# Each line is one write to the pipe, which the system does not mix with others.
NURSERY = """
import random, signal, time

def tell(line):
    os.write(1, f"{line}\\n".encode())

def write(name):
    store = SQLite(path=path).open()
    for number in range(10**6):
        pk = f"{name} {number:06}"
        store.put(person(pk, tag=name, public_info="x" * 2000))
        tell(f"put {pk}")
        store.append_journal([JournalEntry(episode=name, turn=number, seat="Ann", purpose="act", payload={})])
        tell(f"journal {pk}")
        if number % 4 == 0:
            store.put_many(person(f"{pk} {part:02}", tag=f"batch {pk}") for part in range(10))
            tell(f"batch {pk}")
        if number % 6 == 0:
            store.put(person(pk, tag="again"))
            tell(f"again {pk}")

delays = random.Random(11)
writers = []
started = 0
for kills in range(50):
    while len(writers) < 4:
        started += 1
        child = os.fork()
        if child == 0:
            write(f"writer {started:02}")
        writers.append(child)
    time.sleep(delays.uniform(0.02, 0.1))
    victim = writers.pop(delays.randrange(4))
    os.kill(victim, signal.SIGKILL)
    os.waitpid(victim, 0)
for writer in writers:
    os.kill(writer, signal.SIGKILL)
    os.waitpid(writer, 0)
tell(f"started {started}")
"""


def test_nothing_acknowledged_is_lost_though_four_writers_are_killed_fifty_times(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with running(NURSERY, path) as nursery:
        lines = nursery.communicate(timeout=120)[0].splitlines()
    assert lines[-1] == "started 53"
    told: dict[str, set[str]] = {"put": set(), "journal": set(), "batch": set(), "again": set()}
    for line in lines[:-1]:
        word, _, pk = line.partition(" ")
        told[word].add(pk)
    assert min(map(len, told.values())) > 5

    with SQLite(path=path).open() as store:
        assert list(store.check(STORED)) == []
        there = set(store.pks(AgentProfile))
        assert told["put"] <= there
        kept = {f"{name} {entry.turn:06}" for name in store.journals() for entry in store.read_journal(name)}
        assert told["journal"] <= kept
        batches = {one.tag for one in store.iterate(AgentProfile) if one.tag.startswith("batch")}
        assert {f"batch {pk}" for pk in told["batch"]} <= batches
        assert all(store.count(AgentProfile, {"tag": tag}) == 10 for tag in batches)
        assert told["again"] <= set(store.pks(AgentProfile, {"tag": "again"}))
        store.put(person("after"))
