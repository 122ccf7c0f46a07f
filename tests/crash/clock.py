"""Checks: the wall clock is set while the broker runs. Whoever waits on a monotonic clock sees nothing of it."""
import select
import time

from changes import delete_topics
from checks import expect
from wire import Peer, api_versions, batch, create, fetch, fetched, produce, produce_errors

DAY_S = 86400
NET_S = 30


def until(condition, what):
    deadline = time.monotonic() + NET_S
    while not condition():
        expect(time.monotonic() < deadline, f"not in {NET_S} s: {what}")
        time.sleep(0.01)


def parked_fetch(peer, wait_ms):
    peer.send(fetch("t", [0], max_wait_ms=wait_ms))


def answered(peer):
    return bool(select.select([peer.socket], [], [], 0)[0])


def turns(address, count=20):
    """The broker has worked for others meanwhile."""
    other = Peer(address)
    for _ in range(count):
        other.ask(api_versions())
    other.close()


def waiting_fetch_is_not_answered_early(new):
    """A fetch that waits for a minute does so when the clock is set forward, and gets what is produced then."""
    dohle, clock = new()
    create(dohle.address(), ["t"], 1)
    waiting, producer = Peer(dohle.address()), Peer(dohle.address())
    parked_fetch(waiting, 60000)
    clock.set(DAY_S)
    turns(dohle.address())
    expect(not answered(waiting), "the fetch waits")
    expect(produce_errors(producer.ask(produce("t", [0], batch(b"here")))) == {0: 0}, "produced")
    expect(b"here" in fetched(waiting.answer()[1])[0], "the fetch is answered")
    waiting.close()
    producer.close()
    dohle.stop()


def waiting_fetch_is_answered_in_time(new):
    """One that waits shortly is answered although the clock was set back."""
    dohle, clock = new()
    create(dohle.address(), ["t"], 1)
    waiting = Peer(dohle.address())
    parked_fetch(waiting, 300)
    clock.set(-DAY_S)
    expect(fetched(waiting.answer()[1])[0] == b"", "nothing came, and it is told so")
    waiting.close()
    dohle.stop()


def what_is_due_stays_due(new):
    """With the clock set back by a day, syncs, checkpoints and removals come as they would have."""
    dohle, clock = new(["log.flush.interval.ms=200", "log.flush.offset.checkpoint.interval.ms=200",
                        "log.segment.delete.delay.ms=200"])
    create(dohle.address(), ["t"], 1)
    create(dohle.address(), ["gone"], 1)
    peer = Peer(dohle.address())
    for topic in ("t", "gone"):
        expect(produce_errors(peer.ask(produce(topic, [0], batch(b"here")))) == {0: 0}, "produced")
    peer.ask(delete_topics(["gone"]))
    clock.set(-DAY_S)
    checkpoint = dohle.data / "recovery-point-offset-checkpoint"
    until(lambda: not list(dohle.data.glob("gone-*")), "the deleted topic's files are removed")
    until(lambda: checkpoint.exists() and "t 0 1\n" in checkpoint.read_text(), "the checkpoint says that the record is synced")
    peer.close()
    dohle.stop()


def age_is_as_in_kafka(new):
    """Retention goes by the records' own times: what is old by the new clock goes, what comes then stays."""
    dohle, clock = new(["log.retention.check.interval.ms=100", "log.initial.task.delay.ms=0"])
    create(dohle.address(), ["t"], 1)
    peer = Peer(dohle.address())
    expect(produce_errors(peer.ask(produce("t", [0], batch(b"old")))) == {0: 0}, "produced")
    clock.set(6 * DAY_S)  # kept for seven days
    turns(dohle.address())
    expect(b"old" in fetched(peer.ask(fetch("t", [0])))[0], "what is young enough stays")
    clock.set(8 * DAY_S)
    until(lambda: not isinstance(fetched(peer.ask(fetch("t", [0])))[0], bytes), "what is too old goes")
    expect(produce_errors(peer.ask(produce("t", [0], batch(b"new", 8 * DAY_S)))) == {0: 0}, "produced")
    turns(dohle.address())
    expect(b"new" in fetched(peer.ask(fetch("t", [0], offset=1)))[0], "what comes stays")
    peer.close()
    dohle.stop()


CHECKS = [waiting_fetch_is_not_answered_early, waiting_fetch_is_answered_in_time, what_is_due_stays_due,
          age_is_as_in_kafka]
