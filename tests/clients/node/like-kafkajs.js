// The commands whose calls KafkaJS has, and a client that is made like it has too.
'use strict';

const { Unsupported, bytes } = require('./common');

// Headers as an object: a name with an array of its values.
function headersObject(pairs) {
    const headers = {};
    for (const [name, value] of pairs) {
        if (value === null) {
            throw new Unsupported('it sends no null header');
        }
        headers[name] = [...(headers[name] ?? []), bytes(value)];
    }
    return headers;
}

// `member` has the consumer and the share of the group that this process is in.
function commandsLikeKafkaJS(admin, member) {
    return {
        async create_topic({ topic, partitions, configs }) {
            const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }));
            const created = await admin.createTopics({
                topics: [{ topic, numPartitions: partitions, replicationFactor: 1, configEntries }],
            });
            if (!created) {
                throw new Error(`${topic} exists`);
            }
        },

        async delete_topic({ topic }) {
            await admin.deleteTopics({ topics: [topic] });
        },

        async list_offsets({ topic, partition, at }) {
            const offsets = Number.isInteger(at)
                ? await admin.fetchTopicOffsetsByTimestamp(topic, at)
                : await admin.fetchTopicOffsets(topic);
            const found = offsets.find((offset) => offset.partition === partition);
            return { offset: Number({ earliest: found.low, latest: found.high }[at] ?? found.offset) };
        },

        async delete_records({ topic, partition, before }) {
            await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(before) }] });
        },

        async group_seek({ partition, offset }) {
            member.share.forget(partition);
            member.consumer.seek({ topic: member.share.topic, partition, offset: String(offset) });
        },

        async group_pause({ places: partitions }) {
            member.consumer.pause([{ topic: member.share.topic, partitions }]);
        },

        async group_resume({ places: partitions }) {
            member.consumer.resume([{ topic: member.share.topic, partitions }]);
        },

        async group_leave() {
            await member.consumer.disconnect();
        },
    };
}

module.exports = { commandsLikeKafkaJS, headersObject };
