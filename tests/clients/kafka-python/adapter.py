"""kafka-python, the client in pure Python."""
import sys
from pathlib import Path

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, OffsetSpec

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import adapter

TIMEOUT_S = 30


class KafkaPython:
    def __init__(self, bootstrap):
        self.bootstrap = bootstrap
        self.admin = KafkaAdminClient(bootstrap_servers=bootstrap)

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
                                 linger_ms=20)
        try:
            sent = [producer.send(topic, partition=partition, **record) for record in records]
            for future in sent:
                future.get(TIMEOUT_S)
        finally:
            producer.close()

    def fetch(self, topic, partition, start, count):
        consumer = KafkaConsumer(bootstrap_servers=self.bootstrap, group_id=None, enable_auto_commit=False,
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


adapter.serve(KafkaPython(sys.argv[1]))
