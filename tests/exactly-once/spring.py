"""Spring for Apache Kafka: a transactional template, and a listener container that copies records with their offsets,
while the application and the broker are killed."""
from collections import Counter
from contextlib import ExitStack

from application import Application
from applications import java
from checks import expect
from topics import Topics

RECORDS, PARTITIONS, PARTS = 400, 2, 4
ENOUGH = 50  # records of a part, which has twice as many
TEMPLATE_TRANSACTIONS, LIVES = 60, 2  # each life of the application sends so many


def check(make_broker, folder, seed, log, _kills):
    records = [[number % PARTITIONS, 0, f"k{number}", f"value {number}"] for number in range(RECORDS)]
    parts = iter([records[RECORDS * part // PARTS:RECORDS * (part + 1) // PARTS] for part in range(PARTS)])
    with make_broker(folder / "broker") as broker, ExitStack() as stack:
        topics = Topics(broker, log)
        topics.create(**{"in": PARTITIONS, "out": PARTITIONS, "template": 2})
        application = Application(stack, broker, java("spring", "dohle.eos.SpringCopier"), log)

        def write_part():
            topics.write("in", next(parts))
        application.await_work(write_part, ENOUGH)
        application.start_anew()
        application.await_work(write_part, ENOUGH)
        application.await_work(write_part, ENOUGH)
        broker.kill_and_start()
        write_part()
        topics.await_count("out", RECORDS)
        application.end()
        verify(records, topics.read("out", "template"))
    return f"{RECORDS} records"


def verify(records, found):
    for wanted in range(PARTITIONS):
        copies = [(key, value) for topic, partition, _offset, key, value in found
                  if (topic, partition) == ("out", wanted)]
        originals = [(key, value) for partition, _timestamp, key, value in records if partition == wanted]
        expect(copies == originals, f"partition {wanted}: {len(copies)} copies of {len(originals)}")
    sent = Counter(value for topic, *_place, value in found if topic == "template")
    committed = [number for number in range(TEMPLATE_TRANSACTIONS) if number % 3]
    expect(sent == {f"{number} {half}": LIVES for number in committed for half in ("first", "second")},
           f"the template sent {sent}")
