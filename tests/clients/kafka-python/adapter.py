"""kafka-python, the client in pure Python."""
import sys
from pathlib import Path

from kafka import ConsumerRebalanceListener, KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, OffsetSpec
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from kafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from kafka.errors import NoError
from kafka.structs import OffsetAndMetadata

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import adapter

TIMEOUT_S = 30
ASSIGNORS = {"range": RangePartitionAssignor, "roundrobin": RoundRobinPartitionAssignor, "sticky": StickyPartitionAssignor,
             "cooperative-sticky": CooperativeStickyAssignor}


class KafkaPython(adapter.GroupMember, ConsumerRebalanceListener):
    def __init__(self, bootstrap):
        super().__init__()
        self.bootstrap = bootstrap
        self.admin = KafkaAdminClient(bootstrap_servers=bootstrap)
        self.transactional = adapter.Transactional()

    def create_topic(self, topic, partitions, configs):
        self.admin.create_topics({topic: {"num_partitions": partitions, "replication_factor": 1, "configs": configs}})

    def delete_topic(self, topic):
        self.admin.delete_topics([topic])

    def create_partitions(self, topic, total):
        self.admin.create_partitions({topic: total})

    def describe_topic(self, topic):
        (description,) = self.admin.describe_topics([topic])
        partitions = sorted(description["partitions"], key=lambda partition: partition["partition_index"])
        return {"leaders": [partition["leader_id"] for partition in partitions]}

    def describe_configs(self, topic):
        answer = self.admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)], config_filter="all")
        return {"configs": {name: entry["value"] for name, entry in answer["topic"][topic].items()}}

    def alter_config(self, topic, name, value):
        change = ("DELETE", None) if value is None else ("SET", value)
        answer = self.admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {name: change})])
        if answer["topic"][topic] != "OK":
            raise RuntimeError(answer["topic"][topic])

    def list_offsets(self, topic, partition, at):
        spec = {"earliest": OffsetSpec.EARLIEST, "latest": OffsetSpec.LATEST}.get(at, at)
        place = TopicPartition(topic, partition)
        return {"offset": self.admin.list_partition_offsets({place: spec})[place].offset}

    def delete_records(self, topic, partition, before):
        self.admin.delete_records({TopicPartition(topic, partition): before})

    def log_sizes(self, topic):
        sizes = {partition["partition_index"]: partition["partition_size"]
                 for broker in self.admin.describe_log_dirs([topic]) for directory in broker["log_dirs"]
                 for named in directory["topics"] for partition in named["partitions"]}
        return {"sizes": [sizes[index] for index in sorted(sizes)]}

    def produce(self, topic, partition, codec, acks, idempotent, records):
        if any(value is None for record in records for _name, value in record["headers"]):
            raise adapter.Unsupported("kafka-python sends no null header")
        producer = KafkaProducer(bootstrap_servers=self.bootstrap, acks=acks if acks == "all" else int(acks),
                                 compression_type=None if codec == "none" else codec, enable_idempotence=idempotent,
                                 linger_ms=20, max_in_flight_requests_per_connection=1,
                                 max_request_size=adapter.MAX_MESSAGE_BYTES)
        try:
            sent = [producer.send(topic, partition=partition, **record) for record in records]
            for future in sent:
                future.get(TIMEOUT_S)
        finally:
            producer.close()
        return {"hash": "murmur2"}

    def transact(self, topic, partition, id, records, end, timeout_ms=600000, consumed=False):
        def begin():
            producer = KafkaProducer(bootstrap_servers=self.bootstrap, transactional_id=id,
                                     transaction_timeout_ms=timeout_ms)
            producer.init_transactions()
            return producer

        with self.transactional.use(id, begin) as (producer, fresh):
            if fresh:
                producer.begin_transaction()
            for future in [producer.send(topic, partition=partition, **record) for record in records]:
                future.get(TIMEOUT_S)
            if consumed:
                offsets = {place: OffsetAndMetadata(self.consumer.position(place), "", -1)
                           for place in self.consumer.assignment()}
                producer.send_offsets_to_transaction(offsets, self.consumer.group_metadata())
            if end == "commit":
                producer.commit_transaction()
            elif end == "abort":
                producer.abort_transaction()
            self.transactional.left(id, bool(end))

    def fetch(self, topic, partition, start, count, committed=False):
        consumer = KafkaConsumer(bootstrap_servers=self.bootstrap, group_id=None, enable_auto_commit=False,
                                 isolation_level=adapter.isolation(committed),
                                 consumer_timeout_ms=TIMEOUT_S * 1000)
        try:
            place = TopicPartition(topic, partition)
            consumer.assign([place])
            if start == "earliest":
                consumer.seek_to_beginning(place)
            elif start == "latest":
                consumer.seek_to_end(place)
            else:
                consumer.seek(place, start)
            records = [adapter.encode_record(message.offset, message.timestamp, message.key, message.value,
                                             message.headers) for _, message in zip(range(count), consumer)]
        finally:
            consumer.close()
        if len(records) < count:
            raise TimeoutError(f"{count - len(records)} records did not come")
        return {"records": records}

    def group_join(self, group, topic, instance, assignor, session_ms):
        more = {"partition_assignment_strategy": [ASSIGNORS[assignor]]} if assignor else {}
        self.consumer = KafkaConsumer(bootstrap_servers=self.bootstrap, group_id=group, group_instance_id=instance,
                                      enable_auto_commit=False, auto_offset_reset="earliest", **more,
                                      session_timeout_ms=session_ms, heartbeat_interval_ms=adapter.HEARTBEAT_MS)
        self.joined(topic)
        self.consumer.subscribe([topic], listener=self)

    def on_partitions_assigned(self, assigned):
        self.was_assigned()

    def on_partitions_revoked(self, revoked):
        self.was_revoked(len(revoked))

    def group_poll(self, ms):
        messages = [message for batch in self.consumer.poll(timeout_ms=ms).values() for message in batch]
        return self.polled([(message.partition, message.offset, message.value) for message in messages],
                           [place.partition for place in self.consumer.assignment()])

    def group_commit(self, how):
        if how == "sync":
            self.consumer.commit()
        else:
            self.consumer.commit_async()

    def group_committed(self, places):
        offsets = {partition: self.consumer.committed(TopicPartition(self.topic, partition)) for partition in places}
        return {"offsets": {partition: -1 if offset is None else offset for partition, offset in offsets.items()}}

    def group_seek(self, partition, offset):
        self.consumer.seek(TopicPartition(self.topic, partition), offset)

    def group_pause(self, places):
        self.consumer.pause(*[TopicPartition(self.topic, partition) for partition in places])

    def group_resume(self, places):
        self.consumer.resume(*[TopicPartition(self.topic, partition) for partition in places])

    def group_leave(self):
        self.consumer.close()

    def list_groups(self):
        return {"groups": [group["group_id"] for group in self.admin.list_groups()]}

    def describe_group(self, group):
        described = self.admin.describe_groups([group])[group]
        return {"state": described["group_state"],
                "members": [{"instance": member["group_instance_id"],
                             "partitions": [partition for topic in member["member_assignment"]["assigned_partitions"]
                                            for partition in topic["partitions"]]}
                            for member in described["members"]]}

    def delete_group(self, group):
        told = self.admin.delete_groups([group])
        if told[group] != "OK":
            raise RuntimeError(told[group])

    def group_offsets(self, group, topic):
        offsets = self.admin.list_group_offsets([group])[group]
        return {"offsets": {place.partition: committed.offset for place, committed in offsets.items()
                            if place.topic == topic}}

    def alter_group_offset(self, group, topic, partition, offset):
        place = TopicPartition(topic, partition)
        told = self.admin.alter_group_offsets(group, {place: OffsetAndMetadata(offset, "", None)})
        if told[place] is not NoError:
            raise told[place]()

    def delete_group_offset(self, group, topic, partition):
        place = TopicPartition(topic, partition)
        told = self.admin.delete_group_offsets(group, [place])
        if told[place] is not NoError:
            raise told[place]()


adapter.serve(KafkaPython(sys.argv[1]))
