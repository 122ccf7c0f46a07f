"""Checks: starts that cannot be, and starts that are killed."""
import random
import subprocess
import time

from dohle import DohleError
from peers import expect
from wire import Peer, batch, create, fetch, fetched, produce, produce_errors

SECONDS = 20


def refused(dohle, data, port):
    """Start where it must fail. Returns what it says."""
    command = [str(dohle.binary), "--port", str(port), "--data", str(data)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, stdin=subprocess.DEVNULL)
    expect(done.returncode > 0, f"status {done.returncode}")
    expect(done.stdout == "", "nothing on standard output")
    errors = [line for line in done.stderr.splitlines() if " ERROR " in line]
    expect(len(errors) == 1, f"one line says why: {done.stderr}")
    return errors[0]


def second_on_a_folder(new, _rounds):
    """A second broker on a folder is refused and says which folder; the first one goes on."""
    first = new()
    first.start()
    try:
        line = refused(new(), first.data, 0)
        expect(str(first.data) in line, line)
        create(first.address(), ["t"], 1)
    finally:
        first.stop()
    return line.split(" ERROR ", 1)[1]


def port_in_use(new, _rounds):
    """A port that is taken is named; the folder is left as after a clean stop."""
    first, second = new(), new()
    first.start()
    try:
        port = first.address().rsplit(":", 1)[1]
        line = refused(second, second.data, port)
        expect(port in line, line)
    finally:
        first.stop()
    second.start()
    second.stop()
    return line.split(" ERROR ", 1)[1]


def killed_while_starting(new, rounds):
    """Whenever a start is killed, the next one finds everything."""
    dohle, chance = new(), random.Random(7)
    took = dohle.start()
    create(dohle.address(), ["t"], 3)
    records = batch(b"kept")
    peer = Peer(dohle.address())
    expect(produce_errors(peer.ask(produce("t", [0, 1, 2], records))) == {0: 0, 1: 0, 2: 0}, "produced")
    peer.close()
    dohle.stop()
    command = [str(dohle.binary), "--port", "0", "--data", str(dohle.data)]
    for _ in range(rounds):
        started = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.random() * took * 1.5)
        started.kill()
        started.wait()
    try:
        dohle.start()
    except DohleError as failure:
        raise AssertionError(f"after {rounds} killed starts") from failure
    peer = Peer(dohle.address())
    found = fetched(peer.ask(fetch("t", [0, 1, 2])))
    expect(all(b"kept" in found[partition] for partition in range(3)), f"{found}")
    peer.close()
    dohle.stop()
    return f"{rounds} rounds within {took * 1.5 * 1000:.0f} ms"


CHECKS = [second_on_a_folder, port_in_use, killed_while_starting]
