// @platformatic/kafka. Its consumer always joins a group: a single partition is read by the only member of a group of its own.
'use strict';

const { randomUUID } = require('node:crypto');
const {
    Admin, ConfigResourceTypes, Consumer, IncrementalAlterConfigOperationTypes, MessagesStreamFallbackModes, MessagesStreamModes,
    Producer, compatibilityPartitioner, cooperativeStickyAssigner, roundRobinAssigner,
} = require('@platformatic/kafka');
const { HEARTBEAT_MS, Share, Unsupported, base64, bytes, serve } = require('./common');

const TIMEOUT_MS = 30000;
const options = { clientId: 'dohle-test', bootstrapBrokers: [process.argv[2]], metadataMaxAge: 0 };
const admin = new Admin(options);
const assigners = { roundrobin: roundRobinAssigner, 'cooperative-sticky': cooperativeStickyAssigner };
let consumer, stream, joining, failure, share; // of the group that this process is a member of

function headersMap(pairs) {
    const names = pairs.map(([name]) => name);
    if (new Set(names).size < names.length) {
        throw new Unsupported('headers are a map: no name comes twice');
    }
    return new Map(pairs.map(([name, value]) => [Buffer.from(name), bytes(value)]));
}

const commands = {
    async create_topic({ topic, partitions, configs }) {
        const entries = Object.entries(configs).map(([name, value]) => ({ name, value }));
        await admin.createTopics({ topics: [topic], partitions, replicas: 1, configs: entries });
    },

    async delete_topic({ topic }) {
        await admin.deleteTopics({ topics: [topic] });
    },

    async create_partitions({ topic, total }) {
        await admin.createPartitions({ topics: [{ name: topic, count: total, assignments: null }] });
    },

    async describe_topic({ topic }) {
        const metadata = await admin.metadata({ topics: [topic], forceUpdate: true });
        return { leaders: metadata.topics.get(topic).partitions.map(({ leader }) => leader) };
    },

    async describe_configs({ topic }) {
        const resources = [{ resourceType: ConfigResourceTypes.TOPIC, resourceName: topic, configurationKeys: null }];
        const [{ configs }] = await admin.describeConfigs({ resources });
        return { configs: Object.fromEntries(configs.map(({ name, value }) => [name, value])) };
    },

    async alter_config({ topic, name, value }) {
        const operation = IncrementalAlterConfigOperationTypes[value === null ? 'DELETE' : 'SET'];
        const configs = [{ name, configOperation: operation, value }];
        const resources = [{ resourceType: ConfigResourceTypes.TOPIC, resourceName: topic, configs }];
        await admin.incrementalAlterConfigs({ resources });
    },

    async list_offsets({ topic, partition, at }) {
        const timestamp = { earliest: -2n, latest: -1n }[at] ?? BigInt(at);
        const topics = [{ name: topic, partitions: [{ partitionIndex: partition, timestamp }] }];
        const [{ partitions: [{ offset }] }] = await admin.listOffsets({ topics });
        return { offset: Number(offset) };
    },

    async delete_records({ topic, partition, before }) {
        await admin.deleteRecords({ topics: [{ name: topic, partitions: [{ partition, offset: BigInt(before) }] }] });
    },

    async log_sizes({ topic }) {
        const partitions = (await admin.metadata({ topics: [topic] })).topics.get(topic).partitionsCount;
        const asked = [{ name: topic, partitions: [...Array(partitions).keys()] }];
        const sizes = [];
        for (const { results } of await admin.describeLogDirs({ topics: asked })) {
            for (const found of results.flatMap(({ topics }) => topics).flatMap((named) => named.partitions)) {
                sizes[found.partitionIndex] = Number(found.partitionSize);
            }
        }
        return { sizes };
    },

    async produce({ topic, partition, codec, acks, idempotent, records }) {
        const producer = new Producer({ ...options, autocreateTopics: true, idempotent, partitioner: compatibilityPartitioner });
        try {
            const messages = records.map(({ key, value, headers }) => ({
                topic,
                ...(partition === null ? {} : { partition }),
                key: bytes(key),
                value: bytes(value),
                headers: headersMap(headers),
            }));
            await producer.send({ messages, compression: codec, acks: { 0: 0, 1: 1, all: -1 }[acks] });
        } finally {
            await producer.close();
        }
        return { hash: 'murmur2' };
    },

    async fetch({ topic, partition, start, count }) {
        const reader = new Consumer({ ...options, groupId: `fetch-${randomUUID()}`, maxWaitTime: HEARTBEAT_MS });
        const records = [];
        try {
            const { partitions } = (await reader.metadata({ topics: [topic], forceUpdate: true })).topics.get(topic);
            const offsets = partitions.map((_one, index) =>
                ({ topic, partition: index, offset: index === partition && Number.isInteger(start) ? BigInt(start) : 0n }));
            const messages = await reader.consume({
                topics: [topic],
                autocommit: false,
                ...(Number.isInteger(start) ? { mode: MessagesStreamModes.MANUAL, offsets } : { mode: start }),
            });
            const timer = setTimeout(() => messages.destroy(new Error(`${count - records.length} records did not come`)),
                TIMEOUT_MS);
            for await (const message of messages) {
                if (message.partition === partition) {
                    records.push({
                        offset: Number(message.offset),
                        timestamp: Number(message.timestamp),
                        key: base64(message.key),
                        value: base64(message.value),
                        headers: message.headerEntries.map(([name, value]) => [String(name), base64(value)]),
                    });
                }
                if (records.length === count) {
                    break;
                }
            }
            clearTimeout(timer);
        } finally {
            await reader.close(true);
        }
        return { records };
    },

    async group_join({ group, topic, instance, assignor, session_ms: sessionTimeout }) {
        if (assignor !== null && !assigners[assignor]) {
            throw new Unsupported(`it has no ${assignor}`);
        }
        share = new Share(topic);
        failure = null;
        consumer = new Consumer({
            ...options,
            groupId: group,
            sessionTimeout,
            heartbeatInterval: HEARTBEAT_MS,
            maxWaitTime: HEARTBEAT_MS,
            ...(instance === null ? {} : { groupInstanceId: instance }),
            ...(assignor === null ? {} : { protocols: [{ name: assignor, version: 1 }], partitionAssigner: assigners[assignor] }),
        });
        consumer.on('consumer:group:join', ({ assignments }) =>
            share.assign((assignments ?? []).filter((one) => one.topic === topic).flatMap(({ partitions }) => partitions)));
        joining = consumer.consume({
            topics: [topic],
            autocommit: false,
            mode: MessagesStreamModes.COMMITTED,
            fallbackMode: MessagesStreamFallbackModes.EARLIEST,
        }).then((messages) => {
            stream = messages;
            stream.on('data', ({ partition, offset, value }) => share.push(partition, offset, value));
            stream.on('error', (error) => (failure = error));
        }).catch((error) => (failure = error));
    },

    async group_poll({ ms }) {
        if (failure) {
            throw failure;
        }
        return share.polled(ms);
    },

    async group_commit({ how }) {
        if (how === 'async') {
            throw new Unsupported('a commit is awaited');
        }
        const offsets = share.takePositions().map((place) => ({ ...place, offset: BigInt(place.offset), leaderEpoch: -1 }));
        if (offsets.length) {
            await consumer.commit({ offsets });
        }
    },

    async group_committed({ places: partitions }) {
        const committed = (await consumer.listCommittedOffsets({ topics: [{ topic: share.topic, partitions }] })).get(share.topic);
        return { offsets: Object.fromEntries(partitions.map((partition) => [partition, Number(committed[partition] ?? -1)])) };
    },

    async group_seek() {
        throw new Unsupported('a stream does not seek');
    },

    async group_pause() {
        throw new Unsupported('a stream is paused as a whole');
    },

    async group_leave() {
        await joining;
        await stream.close();
        await consumer.close(true);
    },

    async list_groups() {
        return { groups: [...(await admin.listGroups()).keys()] };
    },

    async describe_group({ group }) {
        const { state, members } = (await admin.describeGroups({ groups: [group] })).get(group);
        const describe = ({ assignments }) => ({ partitions: [...assignments.values()].flatMap(({ partitions }) => partitions) });
        return { state: state[0] + state.slice(1).toLowerCase(), members: [...members.values()].map(describe) };
    },

    async delete_group({ group }) {
        await admin.deleteGroups({ groups: [group] });
    },

    async group_offsets({ group, topic }) {
        const [{ topics }] = await admin.listConsumerGroupOffsets({ groups: [group] });
        const partitions = topics.filter(({ name }) => name === topic).flatMap((named) => named.partitions);
        const offsets = partitions.map(({ partitionIndex, committedOffset }) => [partitionIndex, Number(committedOffset)]);
        return { offsets: Object.fromEntries(offsets) };
    },

    async alter_group_offset({ group, topic, partition, offset }) {
        const partitionOffsets = [{ partition, offset: BigInt(offset) }];
        await admin.alterConsumerGroupOffsets({ groupId: group, topics: [{ name: topic, partitionOffsets }] });
    },

    async delete_group_offset({ group, topic, partition }) {
        await admin.deleteConsumerGroupOffsets({ groupId: group, topics: [{ name: topic, partitionIndexes: [partition] }] });
    },
};

serve(commands);
