"""MirrorMaker 2 in dedicated mode between the broker and Apache Kafka, both ways, exactly once: it is killed on the way, and so is the
broker; the topic on the other side has each record once, in the order of its partition."""
from apache_kafka import free_port
from brokers import Broker
from checks import expect
from connect import connect_java, properties
from process import Process
from topics import Topics

RECORDS, PARTITIONS = 1500, 2
QUICK = {"replication.factor": 1, "offset.storage.replication.factor": 1, "status.storage.replication.factor": 1,
         "config.storage.replication.factor": 1, "checkpoints.topic.replication.factor": 1, "heartbeats.topic.replication.factor": 1,
         "offset-syncs.topic.replication.factor": 1, "scheduled.rebalance.max.delay.ms": 0, "session.timeout.ms": 6000,
         "heartbeat.interval.ms": 500, "offset.storage.partitions": 1, "status.storage.partitions": 1,
         "refresh.topics.interval.seconds": 5, "plugin.discovery": "service_load", "tasks.max": 1, "offset.flush.interval.ms": 200,
         "consumer.max.poll.records": 20, "sync.topic.acls.enabled": "false"}


def records(what):
    return [[number % PARTITIONS, 0, f"k{number % 7}", f"{what} {number}"] for number in range(RECORDS)]


def check(make_broker, folder, seed, log, _kills):
    with make_broker(folder / "broker") as here, Broker("kafka", folder / "kafka", None) as there:
        sides = {"here": Topics(here, log), "there": Topics(there, log)}
        for name, topics in sides.items():
            topics.create(**{f"from-{name}": PARTITIONS})
            topics.write(f"from-{name}", records(name))
        process = Process(mirror(folder / "mirror", here, there), log)
        try:
            sides["there"].await_count("here.from-here", RECORDS // 10)
            process.kill()
            process = Process(process.command, log)
            sides["here"].await_count("there.from-there", RECORDS // 10)
            here.kill_and_start()
            sides["there"].await_count("here.from-here", RECORDS)
            sides["here"].await_count("there.from-there", RECORDS)
            process.stop()
        finally:
            process.kill()
        for side, other in (("here", "there"), ("there", "here")):
            expect(told(sides[other].read(f"{side}.from-{side}")) == told(sides[side].read(f"from-{side}")),
                   f"from-{side} is the same on the other side")
    return f"{RECORDS} records each way"


def told(found):
    """Key and value by partition, in order."""
    return [[(key, value) for _topic, partition, _offset, key, value in found if partition == wanted]
            for wanted in range(PARTITIONS)]


def mirror(folder, here, there):
    flows = {f"{flow}.{name}": value for flow in ("here->there", "there->here")
             for name, value in (("enabled", "true"), ("topics", "from-.*"))}
    config = properties(folder / "mm2.properties", {
        "clusters": "here, there", "here.bootstrap.servers": here.address(), "there.bootstrap.servers": there.address(),
        **flows, **{f"{side}.exactly.once.source.support": "enabled" for side in ("here", "there")},
        "dedicated.mode.enable.internal.rest": "true", "listeners": f"http://127.0.0.1:{free_port()}", **QUICK})
    return connect_java(folder, "org.apache.kafka.connect.mirror.MirrorMaker", config)
