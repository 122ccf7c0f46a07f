"""MirrorMaker 2 in dedicated mode between the broker and Apache Kafka, both ways, exactly once: it is killed while it
has records to bring, and so is the broker; the topic on the other side has each record once, in the order of its
partition."""
from brokers import Broker
from checks import expect
from connect import (ANY_PORT, ONE_BY_ONE, PATIENT, PATIENT_GROUP, QUICK, QUICK_GROUP, TRANSACTIONS, connect_java,
                     properties)
from process import Process
from topics import Topics

PARTITIONS, PART = 2, 500
ENOUGH = 20  # records of a part
CONNECTORS = {"refresh.topics.interval.seconds": 5, "tasks.max": 1, "sync.topic.acls.enabled": "false",
              "admin.timeout.ms": 300_000, "replication.factor": 1,
              **{f"{name}.topic.replication.factor": 1 for name in ("checkpoints", "heartbeats", "offset-syncs")}}
STORAGE = {**{f"{name}.storage.replication.factor": 1 for name in ("offset", "status", "config")},
           **{f"{name}.storage.partitions": 1 for name in ("offset", "status")}}
WORKERS = {**QUICK, **QUICK_GROUP, **PATIENT, **PATIENT_GROUP, **ONE_BY_ONE, "exactly.once.source.support": "enabled",
           "consumer.max.poll.records": 20}

# Apache Kafka is not killed here, and a busy machine is not to have it think so: it would drop markers (see README.md).
STEADY = ["broker.session.timeout.ms=120000"]


class Flow:
    """Records of one side, which come to the other."""

    def __init__(self, name, source, target):
        self.name, self.source, self.target, self.count = name, source, target, 0
        self.topic, self.copy = f"from-{name}", f"{name}.from-{name}"
        source.create(**{self.topic: PARTITIONS})

    def write(self):
        self.source.write(self.topic, [[number % PARTITIONS, 0, f"k{number % 7}", f"{self.name} {number}"]
                                       for number in range(self.count, self.count + PART)])
        self.count += PART

    def abort(self):
        """What the killed process left open."""
        self.target.abort(*(f"{self.name}-mm2-Mirror{what}Connector-0" for what in ("Source", "Heartbeat")))

    def await_work(self):
        """Returns while they come, or have not yet been seen."""
        self.target.await_more(self.copy, ENOUGH, self.write)
        self.write()

    def await_all(self):
        self.target.await_count(self.copy, self.count)

    def verify(self):
        expect(told(self.target.read(self.copy)) == told(self.source.read(self.topic)),
               f"{self.topic} is the same on the other side")


def check(make_broker, folder, seed, log, _kills):
    with make_broker(folder / "broker") as here, Broker("kafka", folder / "kafka", None, STEADY) as there:
        from_here = Flow("here", Topics(here, log), Topics(there, log))
        from_there = Flow("there", from_here.target, from_here.source)
        process = Process(mirror(folder / "mirror", here, there), log)
        try:
            from_here.await_work()
            process.kill()
            part = f"{len(from_here.target.read(from_here.copy))} of {from_here.count}"
            from_here.abort()
            from_there.abort()
            process = Process(process.command, log)
            from_there.await_work()
            here.kill_and_start()
            from_here.await_all()
            from_there.await_all()
            process.stop()
        finally:
            process.kill()
        from_here.verify()
        from_there.verify()
    return f"{from_here.count} records there, killed after {part}; {from_there.count} here"


def told(found):
    """Key and value by partition, in order."""
    return [[(key, value) for _topic, partition, _offset, key, value in found if partition == wanted]
            for wanted in range(PARTITIONS)]


def mirror(folder, here, there):
    flows = {f"{flow}.{name}": value for flow in ("here->there", "there->here")
             for name, value in {"enabled": "true", "topics": "from-.*", **TRANSACTIONS}.items()}
    workers = {f"{side}.{name}": value for side in ("here", "there") for name, value in WORKERS.items()}
    config = properties(folder / "mm2.properties", {
        "clusters": "here, there", "here.bootstrap.servers": here.address(), "there.bootstrap.servers": there.address(),
        "dedicated.mode.enable.internal.rest": "true", **ANY_PORT, **flows, **workers, **CONNECTORS, **STORAGE})
    return connect_java(folder, "org.apache.kafka.connect.mirror.MirrorMaker", config)
