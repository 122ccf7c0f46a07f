"""The broker under the applications: dohle, or Apache Kafka to see that a check is right. Each can be killed."""
import time

from apache_kafka import Installation, Server
from dohle import Dohle

# Small internal topics; transactions that are over their time are aborted soon.
OPTIONS = ["offsets.topic.num.partitions=3", "transaction.state.log.num.partitions=3",
           "group.initial.rebalance.delay.ms=0", "group.min.session.timeout.ms=1000",
           "transaction.abort.timed.out.transaction.cleanup.interval.ms=200"]
# Killed, Kafka comes back when its old session has expired: 9 s by default.
KAFKA_OPTIONS = ["broker.session.timeout.ms=3000", "broker.heartbeat.interval.ms=300"]
PATIENCE_S = 300  # a net, which only what hangs is caught in


class Broker:
    """One that runs in `folder`."""

    def __init__(self, kind, folder, binary, options=()):
        self.kind = kind
        self.options = [*OPTIONS, *(KAFKA_OPTIONS if kind == "kafka" else []), *options]
        self.process = Server(folder, Installation()) if kind == "kafka" else Dohle(folder, binary)
        self.kills, self.slowest_s = 0, 0.0
        self.start()

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.process.kill()

    def address(self):
        return self.process.address()

    def start(self):
        self.slowest_s = max(self.slowest_s, self.process.start(options=self.options, wait_s=PATIENCE_S))

    def kill_and_start(self):
        self.process.kill()
        self.kills += 1
        self.start()

    def stop(self):
        self.process.stop(PATIENCE_S)


def await_until(true, what, moving=lambda: None, alive=lambda: None):
    """`true()` becomes true; `what` says what was awaited, or is asked for it. `moving()` says how far it is: there is
    patience as long as that changes. `alive()` raises when it never will."""
    before, until = moving(), time.monotonic() + PATIENCE_S
    while not true():
        alive()
        if (now := moving()) != before:
            before, until = now, time.monotonic() + PATIENCE_S
        if time.monotonic() > until:
            raise AssertionError(f"awaited for {PATIENCE_S} s: {what() if callable(what) else what}")
        time.sleep(0.01)
