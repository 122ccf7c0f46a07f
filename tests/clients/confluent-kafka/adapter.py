"""confluent-kafka, Confluent's Python client over librdkafka."""
import sys
import time
from pathlib import Path

from confluent_kafka import (OFFSET_BEGINNING, OFFSET_END, Consumer, ConsumerGroupTopicPartitions, KafkaError, KafkaException,
                             Producer, TopicPartition)
from confluent_kafka.admin import (AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic,
                                   OffsetSpec, ResourceType)

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import adapter

TIMEOUT_S = 30
STREAM_TIMEOUT_S = 60  # a stream goes on over stops, kills and full disks
STREAM_IN_FLIGHT, STREAM_PROGRESS = 400, 100
QUICK_RETRIES = {"reconnect.backoff.ms": 10, "reconnect.backoff.max.ms": 100, "retry.backoff.ms": 20,
                 "topic.metadata.refresh.fast.interval.ms": 20, "socket.timeout.ms": 2000}


def done(futures):
    """The result of the only future of an admin call; raises what went wrong."""
    (future,) = futures.values()
    return future.result(TIMEOUT_S)


class ConfluentKafka(adapter.GroupMember):
    def __init__(self, bootstrap):
        self.bootstrap = {"bootstrap.servers": bootstrap}
        self.admin = AdminClient(self.bootstrap)
        self.transactional = adapter.Transactional()
        super().__init__()

    def create_topic(self, topic, partitions, configs):
        done(self.admin.create_topics([NewTopic(topic, partitions, 1, config=configs)]))

    def delete_topic(self, topic):
        done(self.admin.delete_topics([topic]))

    def create_partitions(self, topic, total):
        done(self.admin.create_partitions([NewPartitions(topic, total)]))

    def describe_topic(self, topic):
        metadata = self.admin.list_topics(topic, timeout=TIMEOUT_S).topics[topic]
        if metadata.error:
            raise KafkaException(metadata.error)
        return {"leaders": [metadata.partitions[index].leader for index in sorted(metadata.partitions)]}

    def describe_configs(self, topic):
        entries = done(self.admin.describe_configs([ConfigResource(ResourceType.TOPIC, topic)]))
        return {"configs": {entry.name: entry.value for entry in entries.values()}}

    def alter_config(self, topic, name, value):
        operation = AlterConfigOpType.DELETE if value is None else AlterConfigOpType.SET
        entry = ConfigEntry(name, value or "", incremental_operation=operation)
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
        done(self.admin.incremental_alter_configs([resource]))

    def list_offsets(self, topic, partition, at):
        specs = {"earliest": OffsetSpec.earliest, "latest": OffsetSpec.latest}
        spec = specs[at]() if at in specs else OffsetSpec.for_timestamp(at)
        return {"offset": done(self.admin.list_offsets({TopicPartition(topic, partition): spec})).offset}

    def delete_records(self, topic, partition, before):
        done(self.admin.delete_records([TopicPartition(topic, partition, before)]))

    def produce(self, topic, partition, codec, acks, idempotent, records):
        producer = Producer({**self.bootstrap, "compression.type": codec, "acks": acks, "linger.ms": 20,
                             "enable.idempotence": idempotent, "message.max.bytes": adapter.MAX_MESSAGE_BYTES})
        errors = []

        def delivered(error, _message):
            if error:
                errors.append(error)

        where = {} if partition is None else {"partition": partition}
        for record in records:
            producer.produce(topic, on_delivery=delivered, **where, **record)
        if producer.flush(TIMEOUT_S) or errors:
            raise KafkaException(errors[0]) if errors else TimeoutError("records are still in the queue")
        return {"hash": "crc32"}

    def transact(self, topic, partition, id, records, end, timeout_ms=600000, consumed=False):
        def begin():
            producer = Producer({**self.bootstrap, "transactional.id": id, "transaction.timeout.ms": timeout_ms})
            producer.init_transactions(TIMEOUT_S)
            return producer

        with self.transactional.use(id, begin) as (producer, fresh):
            if fresh:
                producer.begin_transaction()
            for record in records:
                producer.produce(topic, partition=partition, **record)
            if producer.flush(TIMEOUT_S):
                raise TimeoutError("records are still in the queue")
            if consumed:
                places = [place for place in self.consumer.position(self.consumer.assignment()) if place.offset >= 0]
                producer.send_offsets_to_transaction(places, self.consumer.consumer_group_metadata(), TIMEOUT_S)
            if end == "commit":
                producer.commit_transaction(TIMEOUT_S)
            elif end == "abort":
                producer.abort_transaction(TIMEOUT_S)
            self.transactional.left(id, bool(end))

    def fetch(self, topic, partition, start, count, committed=False):
        offset = {"earliest": OFFSET_BEGINNING, "latest": OFFSET_END}.get(start, start)
        records = []
        for message in self._read(topic, partition, offset, count, committed):
            records.append(adapter.encode_record(message.offset(), message.timestamp()[1], message.key(),
                                                 message.value(), message.headers()))
        return {"records": records}

    def group_join(self, group, topic, instance, assignor, session_ms):
        if assignor == "sticky":
            raise adapter.Unsupported("librdkafka has no eager sticky assignor")
        more = {"group.instance.id": instance} if instance else {}
        if assignor:
            more["partition.assignment.strategy"] = assignor
        self.consumer = Consumer({**self.bootstrap, "group.id": group, "enable.auto.commit": False,
                                  "auto.offset.reset": "earliest",
                                  "session.timeout.ms": session_ms, "heartbeat.interval.ms": adapter.HEARTBEAT_MS,
                                  **more})
        self.joined(topic)
        self.consumer.subscribe([topic], on_assign=lambda _consumer, _given: self.was_assigned(),
                                on_revoke=lambda _consumer, taken: self.was_revoked(len(taken)))

    def group_poll(self, ms):
        messages = self.consumer.consume(adapter.POLL_MAX, ms / 1000)
        for message in list(messages):
            if message.error() and message.error().code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                messages.remove(message)  # Apache Kafka may tell so of a topic just created; librdkafka asks again
            elif message.error():
                raise KafkaException(message.error())
        return self.polled([(message.partition(), message.offset(), message.value()) for message in messages],
                           [place.partition for place in self.consumer.assignment()])

    def group_commit(self, how):
        self.consumer.commit(asynchronous=how == "async")

    def group_committed(self, places):
        committed = self.consumer.committed([TopicPartition(self.topic, partition) for partition in places], TIMEOUT_S)
        return {"offsets": {place.partition: place.offset for place in committed}}

    def group_seek(self, partition, offset):
        self.consumer.seek(TopicPartition(self.topic, partition, offset))

    def group_pause(self, places):
        self.consumer.pause([TopicPartition(self.topic, partition) for partition in places])

    def group_resume(self, places):
        self.consumer.resume([TopicPartition(self.topic, partition) for partition in places])

    def group_leave(self):
        self.consumer.close()

    def list_groups(self):
        return {"groups": [group.group_id for group in self.admin.list_consumer_groups().result(TIMEOUT_S).valid]}

    def describe_group(self, group):
        described = done(self.admin.describe_consumer_groups([group]))
        return {"state": described.state.name.title(),
                "members": [{"instance": member.group_instance_id,
                             "partitions": [place.partition for place in member.assignment.topic_partitions]}
                            for member in described.members]}

    def delete_group(self, group):
        done(self.admin.delete_consumer_groups([group]))

    def group_offsets(self, group, topic):
        places = done(self.admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])).topic_partitions
        return {"offsets": {place.partition: place.offset for place in places if place.topic == topic}}

    def alter_group_offset(self, group, topic, partition, offset):
        change = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, partition, offset)])
        (place,) = done(self.admin.alter_consumer_group_offsets([change])).topic_partitions
        if place.error:
            raise KafkaException(place.error)

    def produce_numbered(self, topic, count, size):
        producer = Producer({**self.bootstrap, "acks": "all", "enable.idempotence": True, "linger.ms": 5,
                             "message.timeout.ms": 120000, "queue.buffering.max.messages": 20000})
        acknowledged = 0

        def delivered(error, _message):
            nonlocal acknowledged
            if error:
                raise KafkaException(error)
            acknowledged += 1
            if acknowledged % 1000 == 0:
                adapter.say({"progress": acknowledged})

        for number in range(count):
            while True:
                try:
                    producer.produce(topic, partition=0, value=adapter.numbered_value(number, size),
                                     on_delivery=delivered)
                    break
                except BufferError:
                    producer.poll(1)
            producer.poll(0)
        producer.flush()
        return {"count": acknowledged}

    def fetch_numbered(self, topic, count, size):
        for number, message in enumerate(self._read(topic, 0, OFFSET_BEGINNING, count)):
            adapter.check_numbered(number, message.offset(), message.value(), size)
        return {"count": count}

    def produce_stream(self, topic, partitions, codec, size, keys=0):
        producer = Producer({**self.bootstrap, **QUICK_RETRIES, "acks": "all", "enable.idempotence": True,
                             "compression.type": codec, "linger.ms": 2, "batch.num.messages": 20,
                             "message.timeout.ms": STREAM_TIMEOUT_S * 1000})
        stream, failures = adapter.Stream(partitions), []

        def delivered(error, message):
            try:
                if error:
                    raise KafkaException(error)
                stream.see(message.partition(), message.offset(), adapter.check_stream_value(message.value(), size))
            except Exception as failure:
                failures.append(failure)

        sent = told = 0
        while not failures and not adapter.told():
            if stream.count() >= told + STREAM_PROGRESS:
                told = stream.count()
                adapter.say({"progress": told})
            for _ in range(min(20 * partitions, STREAM_IN_FLIGHT - (sent - stream.count()))):
                number, partition = divmod(sent, partitions)
                producer.produce(topic, partition=partition, key=adapter.stream_key(number, keys),
                                 value=adapter.numbered_value(number, size), on_delivery=delivered)
                sent += 1
            producer.poll(0.01)
        if not failures and producer.flush(STREAM_TIMEOUT_S):
            raise TimeoutError(f"{sent - stream.count()} records were not acknowledged in {STREAM_TIMEOUT_S} s")
        if failures:
            raise failures[0]
        return {"counts": stream.next}

    def fetch_stream(self, topic, partitions, size, keys=0, counts=None):
        consumer = Consumer({**self.bootstrap, **QUICK_RETRIES, "group.id": "none", "enable.auto.commit": False,
                             "auto.offset.reset": "error"})
        stream, told = adapter.Stream(partitions, keys), 0
        deadline = time.monotonic() + STREAM_TIMEOUT_S
        try:
            consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in range(partitions)])
            while not stream.reached(counts):
                for message in consumer.consume(500, 0.05):
                    if message.error():
                        raise KafkaException(message.error())
                    number = adapter.check_stream_value(message.value(), size)
                    stream.see(message.partition(), message.offset(), number)
                    deadline = time.monotonic() + STREAM_TIMEOUT_S
                if stream.count() >= told + STREAM_PROGRESS:
                    told = stream.count()
                    adapter.say({"progress": told})
                if counts is None:
                    counts = (adapter.told() or {}).get("counts")
                if time.monotonic() > deadline:
                    raise TimeoutError(f"at {stream.next} of {counts}, nothing came in {STREAM_TIMEOUT_S} s")
        finally:
            consumer.close()
        return {"first": stream.first, "counts": stream.next}

    def commit_stream(self, topic, group):
        consumer = Consumer({**self.bootstrap, **QUICK_RETRIES, "group.id": group, "enable.auto.commit": False,
                             "auto.offset.reset": "earliest", "topic.metadata.refresh.interval.ms": -1})
        commits, owned, assignments, lost = {}, [], 0, 0  # commits: the last one of each partition

        def assigned(_consumer, partitions):
            nonlocal assignments
            assignments += 1
            owned[:] = [partition.partition for partition in partitions]
            for partition in owned:
                commits[partition] = self._committed(consumer, topic, partition)

        def revoked(_consumer, _partitions):
            owned.clear()  # the group lets a member commit what another one owns by now

        count, said = 0, 0
        consumer.subscribe([topic], on_assign=assigned, on_revoke=revoked)
        while not adapter.told():
            consumer.poll(0.01)
            for partition in owned:
                found, offset = self._committed(consumer, topic, partition), commits[partition] + 1
                if found != commits[partition]:
                    raise AssertionError(f"partition {partition}: committed {commits[partition]}, found {found}")
                try:
                    consumer.commit(offsets=[TopicPartition(topic, partition, offset)], asynchronous=False)
                except KafkaException:  # its answer is lost, or it is
                    found = self._committed(consumer, topic, partition)
                    if found not in (offset - 1, offset):
                        raise AssertionError(f"partition {partition}: {offset} is not, found {found}") from None
                    lost += 1
                    offset = found
                commits[partition] = offset
                count += 1
            if count >= said + STREAM_PROGRESS / 10:
                said = count
                adapter.say({"progress": {"count": count, "assignments": assignments, "lost": lost}})
        return {"commits": {partition: commits[partition] for partition in owned}}

    @staticmethod
    def _committed(consumer, topic, partition):
        """The committed offset, -1 when there is none. It is asked for until the broker is there."""
        deadline = time.monotonic() + STREAM_TIMEOUT_S
        while True:
            try:
                (found,) = consumer.committed([TopicPartition(topic, partition)], timeout=2)
                if found.error:
                    raise KafkaException(found.error)
                return max(found.offset, -1)
            except KafkaException:
                if time.monotonic() > deadline:
                    raise

    def _read(self, topic, partition, offset, count, committed=False):
        """`count` messages of one assigned partition. The group is never joined; librdkafka only wants a name."""
        consumer = Consumer({**self.bootstrap, "group.id": "none", "enable.auto.commit": False,
                             "isolation.level": adapter.isolation(committed), "auto.offset.reset": "error"})
        try:
            consumer.assign([TopicPartition(topic, partition, offset)])
            while count:
                messages = consumer.consume(min(count, 1000), TIMEOUT_S)
                if not messages:
                    raise TimeoutError(f"{count} records did not come")
                for message in messages:
                    if message.error():
                        raise KafkaException(message.error())
                    yield message
                count -= len(messages)
        finally:
            consumer.close()


adapter.serve(ConfluentKafka(sys.argv[1]))
