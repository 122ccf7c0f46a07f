"""aiokafka, the client for asyncio. Its loop runs in a thread of its own, so that a member's heartbeats go on between the
commands."""
import asyncio
import sys
import threading
from pathlib import Path

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.errors import for_code

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import adapter

TIMEOUT_S = 30
ASSIGNORS = {"range": RangePartitionAssignor, "roundrobin": RoundRobinPartitionAssignor, "sticky": StickyPartitionAssignor}


def check(code, message=None):
    if code:
        raise for_code(code)(message)


class AioKafka(adapter.GroupMember, ConsumerRebalanceListener):
    def __init__(self, bootstrap):
        super().__init__()
        self.bootstrap = bootstrap
        self.transactional = adapter.Transactional()

    async def start(self):
        self.admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await self.admin.start()

    async def create_topic(self, topic, partitions, configs):
        told = await self.admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=configs)])
        check(*told.topic_errors[0][1:3])

    async def delete_topic(self, topic):
        told = await self.admin.delete_topics([topic])
        check(told.topic_error_codes[0][1])

    async def create_partitions(self, topic, total):
        await self.admin.create_partitions({topic: NewPartitions(total)})

    async def describe_topic(self, topic):
        (described,) = await self.admin.describe_topics([topic])
        check(described["error_code"])
        partitions = sorted(described["partitions"], key=lambda partition: partition["partition"])
        return {"leaders": [partition["leader"] for partition in partitions]}

    async def describe_configs(self, topic):
        (told,) = await self.admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
        ((code, message, _type, _name, entries),) = told.resources
        check(code, message)
        return {"configs": {entry[0]: entry[1] for entry in entries}}

    async def alter_config(self, topic, name, value):
        """Sets this one and all others back to their defaults: AlterConfigs cannot do less."""
        changes = {} if value is None else {name: value}
        (told,) = await self.admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=changes)])
        check(*told.resources[0][:2])

    async def list_offsets(self, topic, partition, at):
        place = TopicPartition(topic, partition)
        consumer = await self._consumer([place])
        try:
            if at == "earliest":
                return {"offset": (await consumer.beginning_offsets([place]))[place]}
            if at == "latest":
                return {"offset": (await consumer.end_offsets([place]))[place]}
            found = (await consumer.offsets_for_times({place: at}))[place]
            return {"offset": found.offset if found else -1}
        finally:
            await consumer.stop()

    async def delete_records(self, topic, partition, before):
        await self.admin.delete_records({TopicPartition(topic, partition): RecordsToDelete(before)})

    async def produce(self, topic, partition, codec, acks, idempotent, records):
        if any(value is None for record in records for _name, value in record["headers"]):
            raise adapter.Unsupported("aiokafka sends no null header")
        producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap, acks=acks if acks == "all" else int(acks),
                                    compression_type=None if codec == "none" else codec, enable_idempotence=idempotent,
                                    linger_ms=20, max_request_size=adapter.MAX_MESSAGE_BYTES)
        await producer.start()
        try:
            sent = [await producer.send(topic, partition=partition, **record) for record in records]
            await asyncio.wait_for(asyncio.gather(*sent), TIMEOUT_S)
        finally:
            await producer.stop()
        return {"hash": "murmur2"}

    async def transact(self, topic, partition, id, records, end, timeout_ms=600000, consumed=False):
        def begin():
            return AIOKafkaProducer(bootstrap_servers=self.bootstrap, transactional_id=id,
                                    transaction_timeout_ms=timeout_ms)

        known = id in self.transactional.producers
        with self.transactional.use(id, begin) as (producer, fresh):
            if not known:
                await producer.start()
            if fresh:
                await producer.begin_transaction()
            for record in records:
                await asyncio.wait_for(producer.send_and_wait(topic, partition=partition, **record), TIMEOUT_S)
            if consumed:
                offsets = {place: await self.consumer.position(place) for place in self.consumer.assignment()}
                await producer.send_offsets_to_transaction(offsets, self.group)
            if end == "commit":
                await asyncio.wait_for(producer.commit_transaction(), TIMEOUT_S)
            elif end == "abort":
                await asyncio.wait_for(producer.abort_transaction(), TIMEOUT_S)
            self.transactional.left(id, bool(end))

    async def fetch(self, topic, partition, start, count, committed=False):
        place = TopicPartition(topic, partition)
        consumer = await self._consumer([place], committed)
        try:
            if start == "earliest":
                await consumer.seek_to_beginning(place)
            elif start == "latest":
                await consumer.seek_to_end(place)
            else:
                consumer.seek(place, start)
            messages = [await asyncio.wait_for(consumer.getone(), TIMEOUT_S) for _ in range(count)]
        finally:
            await consumer.stop()
        return {"records": [adapter.encode_record(message.offset, message.timestamp, message.key, message.value,
                                                  message.headers) for message in messages]}

    async def _consumer(self, places, committed=False):
        """A consumer of these partitions, in no group."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap, isolation_level=adapter.isolation(committed))
        await consumer.start()
        consumer.assign(places)
        return consumer

    async def group_join(self, group, topic, instance, assignor, session_ms):
        if assignor and assignor not in ASSIGNORS:
            raise adapter.Unsupported(f"aiokafka has no {assignor}")
        more = {"partition_assignment_strategy": [ASSIGNORS[assignor]]} if assignor else {}
        self.consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap, group_id=group, group_instance_id=instance,
                                         enable_auto_commit=False, auto_offset_reset="earliest", **more,
                                         session_timeout_ms=session_ms, heartbeat_interval_ms=adapter.HEARTBEAT_MS,
                                         rebalance_timeout_ms=TIMEOUT_S * 1000)
        self.joined(topic)
        self.group = group
        self.consumer.subscribe([topic], listener=self)
        self.starting = asyncio.create_task(self.consumer.start())  # ends with the first assignment

    async def on_partitions_assigned(self, assigned):
        self.was_assigned()

    async def on_partitions_revoked(self, revoked):
        self.was_revoked(len(revoked))

    async def group_poll(self, ms):
        if not self.starting.done():
            await asyncio.wait([self.starting], timeout=ms / 1000)
            return self.polled([], [])
        self.starting.result()
        batches = await self.consumer.getmany(timeout_ms=ms)
        messages = [message for batch in batches.values() for message in batch]
        return self.polled([(message.partition, message.offset, message.value) for message in messages],
                           [place.partition for place in self.consumer.assignment()])

    async def group_commit(self, how):
        if how == "async":
            raise adapter.Unsupported("a commit of aiokafka is awaited")
        await self.consumer.commit()

    async def group_committed(self, places):
        offsets = {partition: await self.consumer.committed(TopicPartition(self.topic, partition)) for partition in places}
        return {"offsets": {partition: -1 if offset is None else offset for partition, offset in offsets.items()}}

    async def group_seek(self, partition, offset):
        self.consumer.seek(TopicPartition(self.topic, partition), offset)

    async def group_pause(self, places):
        self.consumer.pause(*[TopicPartition(self.topic, partition) for partition in places])

    async def group_resume(self, places):
        self.consumer.resume(*[TopicPartition(self.topic, partition) for partition in places])

    async def group_leave(self):
        await self.starting
        await self.consumer.stop()

    async def list_groups(self):
        return {"groups": [group[0] for group in await self.admin.list_consumer_groups()]}

    async def describe_group(self, group):
        (told,) = await self.admin.describe_consumer_groups([group])
        code, _group, state, _type, _protocol, members, *_more = told.groups[0]
        check(code)
        assignments = [ConsumerProtocolMemberAssignment.decode(member[5 if len(member) > 5 else 4]) for member in members]
        return {"state": state,
                "members": [{"instance": None, "partitions": [place.partition for place in assignment.partitions()]}
                            for assignment in assignments]}

    async def group_offsets(self, group, topic):
        offsets = await self.admin.list_consumer_group_offsets(group)
        return {"offsets": {place.partition: committed.offset for place, committed in offsets.items()
                            if place.topic == topic}}


loop = asyncio.new_event_loop()
threading.Thread(target=loop.run_forever, daemon=True).start()


def run(coroutine):
    return asyncio.run_coroutine_threadsafe(coroutine, loop).result()


client = AioKafka(sys.argv[1])
run(client.start())
adapter.serve(client, run)
