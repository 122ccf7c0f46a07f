"""Records in and out of topics, by librdkafka; runs in its environment.

    records.py create BOOTSTRAP TOPIC:PARTITIONS...
    records.py write BOOTSTRAP TOPIC              lines of JSON on standard input:
                                                  [partition or null, timestamp or 0: now, key, value]
    records.py read BOOTSTRAP ISOLATION TOPIC...  all records as lines of JSON: [topic, partition, offset, key, value]
    records.py await BOOTSTRAP TOPIC COUNT        until so many records are read committed
    records.py more BOOTSTRAP TOPIC COUNT         tells how many there are, and again as soon as there are COUNT more
    records.py committed BOOTSTRAP GROUP TOPIC    {partition: offset} as JSON
    records.py abort BOOTSTRAP ID...              what producers of these transactional ids left open
"""
import json
import sys
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

PATIENCE_S = 300
IN_FLIGHT = 10000


def patiently(call):
    """Repeat what changes nothing until it succeeds."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            return call()
        except KafkaException:
            if time.monotonic() > until:
                raise


def create(bootstrap, *topics):
    wanted = [NewTopic(name, int(count), 1) for name, count in (topic.split(":") for topic in topics)]
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for future in admin.create_topics(wanted, request_timeout=PATIENCE_S).values():
        future.result(PATIENCE_S)


def write(bootstrap, topic):
    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True,
                         "message.timeout.ms": PATIENCE_S * 1000})

    def told(error, _message):
        if error:
            raise KafkaException(error)
    for line in sys.stdin:
        partition, timestamp, key, value = json.loads(line)
        place = {} if partition is None else {"partition": partition}
        producer.produce(topic, value, key, on_delivery=told, timestamp=timestamp, **place)
        while len(producer) > IN_FLIGHT:
            producer.poll(0.1)
    producer.flush()


def consumer_of(bootstrap, isolation, group="reader"):
    return Consumer({"bootstrap.servers": bootstrap, "group.id": group, "isolation.level": isolation,
                     "enable.auto.commit": False, "enable.partition.eof": True, "fetch.wait.max.ms": 50,
                     "auto.offset.reset": "error"})


def places_of(consumer, topic):
    """All partitions from their begin, as soon as there is the topic."""
    until = time.monotonic() + PATIENCE_S
    while not (found := patiently(lambda: consumer.list_topics(topic, timeout=10)).topics[topic]).partitions:
        if time.monotonic() > until:
            raise TimeoutError(f"no topic {topic}")
        time.sleep(0.05)
    return [TopicPartition(topic, partition, 0) for partition in sorted(found.partitions)]


def messages(consumer, places, wanted=0):
    """All records up to the end of each partition, and more until there are as many as `wanted`."""
    consumer.assign(places)
    ended, count, until = set(), 0, time.monotonic() + PATIENCE_S
    while len(ended) < len(places) or count < wanted:
        for message in consumer.consume(1000, 0.05):
            place = message.topic(), message.partition()
            if not message.error():
                count, until = count + 1, time.monotonic() + PATIENCE_S
                ended.discard(place)
                yield message
            elif message.error().code() == KafkaError._PARTITION_EOF:
                ended.add(place)
            else:
                raise KafkaException(message.error())
        if time.monotonic() > until:
            raise TimeoutError(f"{count} records of {wanted}, at the end of {ended}")


def text(data):
    return None if data is None else data.decode()


def read(bootstrap, isolation, *topics):
    consumer = consumer_of(bootstrap, isolation)
    places = [place for topic in topics for place in places_of(consumer, topic)]
    for message in messages(consumer, places):
        print(json.dumps([message.topic(), message.partition(), message.offset(), text(message.key()),
                          text(message.value())]))
    consumer.close()


def await_count(bootstrap, topic, count):
    consumer = consumer_of(bootstrap, "read_committed")
    print(sum(1 for _ in messages(consumer, places_of(consumer, topic), int(count))))
    consumer.close()


def await_more(bootstrap, topic, more):
    consumer = consumer_of(bootstrap, "read_committed")
    places = places_of(consumer, topic)
    count = sum(1 for _ in messages(consumer, places))
    print(count, flush=True)
    wanted = count + int(more)
    for count, _message in enumerate(messages(consumer, places, wanted), 1):
        if count == wanted:
            print(count, flush=True)
            break
    consumer.close()


def committed(bootstrap, group, topic):
    consumer = consumer_of(bootstrap, "read_committed", group)
    places = places_of(consumer, topic)
    found = patiently(lambda: consumer.committed(places, timeout=PATIENCE_S))
    print(json.dumps({place.partition: place.offset for place in found}))
    consumer.close()


def abort(bootstrap, *ids):
    for transactional_id in ids:
        Producer({"bootstrap.servers": bootstrap, "transactional.id": transactional_id}).init_transactions(PATIENCE_S)


COMMANDS = {"create": create, "write": write, "read": read, "await": await_count, "more": await_more,
            "committed": committed, "abort": abort}
COMMANDS[sys.argv[1]](*sys.argv[2:])
