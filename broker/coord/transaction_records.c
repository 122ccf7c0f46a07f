/* Records of __transaction_state, and sets of partitions. See transactions.h.
 *
 * A record holds the whole state of its transactional id, so the last one counts:
 *
 *     Empty                 partitions: null
 *     Ongoing, Prepare*     partitions: all that take part
 *     Complete*             partitions: none */
#include "transactions.h"

#include <string.h>

/* ---- partitions ----------------------------------------------------------------------------------------------------- */

void transaction_partitions_release(struct transaction_partitions *partitions)
{
    for (int32_t t = 0; t < partitions->topics_count; t++) {
        coord_string_free(partitions->topics[t].topic);
        free(partitions->topics[t].partition_ids);
    }
    free(partitions->topics);
    *partitions = (struct transaction_partitions){0};
}

static int compare_names(struct kp_string a, struct kp_string b)
{
    size_t size = (size_t)(a.size < b.size ? a.size : b.size);
    int order = size > 0 ? memcmp(a.data, b.data, size) : 0;
    return order != 0 ? order : a.size - b.size;
}

/* Where the topic is, or would be. */
static int32_t topic_place(const struct transaction_partitions *partitions, struct kp_string topic, bool *found)
{
    int32_t low = 0, high = partitions->topics_count;
    *found = false;
    while (low < high && !*found) {
        int32_t middle = low + (high - low) / 2;
        int order = compare_names(partitions->topics[middle].topic, topic);
        *found = order == 0;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
        if (*found)
            low = middle;
    }
    return low;
}

static int32_t partition_place(const transaction_topic *topic, int32_t partition, bool *found)
{
    int32_t low = 0, high = topic->partition_ids_count;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (topic->partition_ids[middle] < partition)
            low = middle + 1;
        else
            high = middle;
    }
    *found = low < topic->partition_ids_count && topic->partition_ids[low] == partition;
    return low;
}

bool transaction_partitions_has(const struct transaction_partitions *partitions, struct kp_string topic,
                                int32_t partition)
{
    bool found;
    int32_t place = topic_place(partitions, topic, &found);
    if (found)
        (void)partition_place(&partitions->topics[place], partition, &found);
    return found;
}

static bool is_power_of_two(int32_t count)
{
    return (count & (count - 1)) == 0;
}

/* Room for one more of `count` items: arrays grow when that is 0 or a power of two. */
static void *grown(void *items, int32_t count, size_t size)
{
    if (!is_power_of_two(count))
        return items;
    return xrealloc(items, (count > 0 ? 2 * (size_t)count : 1) * size);
}

static size_t topic_bytes(const transaction_topic *topic)
{
    return sizeof *topic + (size_t)topic->topic.size + 1;
}

static transaction_topic *ensure_topic(struct transaction_partitions *partitions, struct kp_string name)
{
    bool found;
    int32_t place = topic_place(partitions, name, &found);
    if (found)
        return &partitions->topics[place];
    partitions->topics = grown(partitions->topics, partitions->topics_count, sizeof *partitions->topics);
    transaction_topic *topic = &partitions->topics[place];
    memmove(topic + 1, topic, (size_t)(partitions->topics_count - place) * sizeof *topic);
    *topic = (transaction_topic){.topic = coord_string_copy(name)};
    partitions->topics_count++;
    partitions->bytes += topic_bytes(topic);
    return topic;
}

void transaction_partitions_add(struct transaction_partitions *partitions, struct kp_string name, int32_t partition)
{
    transaction_topic *topic = ensure_topic(partitions, name);
    bool found;
    int32_t place = partition_place(topic, partition, &found);
    if (found)
        return;
    topic->partition_ids = grown(topic->partition_ids, topic->partition_ids_count, sizeof *topic->partition_ids);
    int32_t *at = topic->partition_ids + place;
    memmove(at + 1, at, (size_t)(topic->partition_ids_count - place) * sizeof *at);
    *at = partition;
    topic->partition_ids_count++;
    partitions->partitions_count++;
    partitions->bytes += sizeof *at;
}

static int compare_items(const void *a, const void *b)
{
    const struct transaction_partition *left = a, *right = b;
    int order = compare_names(left->topic, right->topic);
    return order != 0 ? order : (left->partition > right->partition) - (left->partition < right->partition);
}

/* In order each goes to the end of the set: nothing is moved. */
void transaction_partitions_of(struct transaction_partitions *partitions, struct transaction_partition *items,
                               int32_t count)
{
    *partitions = (struct transaction_partitions){0};
    if (count > 0)
        qsort(items, (size_t)count, sizeof *items, compare_items);
    for (int32_t i = 0; i < count; i++)
        transaction_partitions_add(partitions, items[i].topic, items[i].partition);
}

static void add_topic(struct transaction_partitions *to, const transaction_topic *topic)
{
    for (int32_t p = 0; p < topic->partition_ids_count; p++)
        transaction_partitions_add(to, topic->topic, topic->partition_ids[p]);
}

static void add_both(struct transaction_partitions *to, const transaction_topic *a, const transaction_topic *b)
{
    for (int32_t i = 0, j = 0; i < a->partition_ids_count || j < b->partition_ids_count;) {
        bool from_a =
            j == b->partition_ids_count || (i < a->partition_ids_count && a->partition_ids[i] <= b->partition_ids[j]);
        transaction_partitions_add(to, a->topic, from_a ? a->partition_ids[i++] : b->partition_ids[j++]);
    }
}

void transaction_partitions_unite(struct transaction_partitions *to, const struct transaction_partitions *a,
                                  const struct transaction_partitions *b)
{
    *to = (struct transaction_partitions){0};
    for (int32_t i = 0, j = 0; i < a->topics_count || j < b->topics_count;) {
        int order = i == a->topics_count   ? 1
                    : j == b->topics_count ? -1
                                           : compare_names(a->topics[i].topic, b->topics[j].topic);
        if (order == 0)
            add_both(to, &a->topics[i++], &b->topics[j++]);
        else
            add_topic(to, order < 0 ? &a->topics[i++] : &b->topics[j++]);
    }
}

void transaction_partitions_copy(struct transaction_partitions *to, const struct transaction_partitions *from)
{
    *to = (struct transaction_partitions){0};
    for (int32_t t = 0; t < from->topics_count; t++)
        add_topic(to, &from->topics[t]);
}

bool transaction_partitions_has_all(const struct transaction_partitions *partitions,
                                    const struct transaction_partitions *all)
{
    for (int32_t t = 0; t < all->topics_count; t++) {
        for (int32_t p = 0; p < all->topics[t].partition_ids_count; p++) {
            if (!transaction_partitions_has(partitions, all->topics[t].topic, all->topics[t].partition_ids[p]))
                return false;
        }
    }
    return true;
}

void transaction_partitions_remove_at(struct transaction_partitions *partitions, int32_t number, int32_t position)
{
    transaction_topic *topic = &partitions->topics[number];
    int32_t *at = topic->partition_ids + position;
    memmove(at, at + 1, (size_t)(topic->partition_ids_count - position - 1) * sizeof *at);
    topic->partition_ids_count--;
    partitions->partitions_count--;
    partitions->bytes -= sizeof *at;
    if (topic->partition_ids_count > 0)
        return;
    partitions->bytes -= topic_bytes(topic);
    coord_string_free(topic->topic);
    free(topic->partition_ids);
    memmove(topic, topic + 1, (size_t)(partitions->topics_count - number - 1) * sizeof *topic);
    partitions->topics_count--;
}

/* ---- records -------------------------------------------------------------------------------------------------------- */

void transaction_record_add(struct coord_batch *batch, struct kp_string id, const struct transaction_fields *fields,
                            const struct transaction_partitions *partitions, int16_t transaction_version)
{
    struct kp_transaction_log_key key = {.transactional_id = id};
    if (!fields) {
        coord_batch_add(batch, KP_RECORD_TXN_KEY, &kp_transaction_log_key_schema, &key, NULL, 0, NULL);
        return;
    }
    struct kp_transaction_log_value value = kp_transaction_log_value_default;
    int16_t value_version = transaction_version >= 1;
    value.producer_id = fields->producer.id;
    value.producer_epoch = fields->producer.epoch;
    value.transaction_timeout_ms = fields->timeout_ms;
    value.transaction_status = (int8_t)fields->state;
    value.transaction_partitions = partitions->topics;
    value.transaction_partitions_count = fields->state == TRANSACTION_EMPTY ? -1 : partitions->topics_count;
    value.transaction_last_update_timestamp_ms = fields->updated_ms;
    value.transaction_start_timestamp_ms = fields->start_ms;
    if (value_version >= 1) {
        value.previous_producer_id = fields->previous_producer_id;
        value.next_producer_id = fields->next_producer_id;
        value.client_transaction_version = fields->client_version;
    }
    coord_batch_add(batch, KP_RECORD_TXN_KEY, &kp_transaction_log_key_schema, &key, &kp_transaction_log_value_schema,
                    value_version, &value);
}

static bool read_value(const struct coord_record *record, struct arena *arena, struct transaction_fields *fields,
                       struct transaction_partitions *partitions)
{
    struct kp_transaction_log_value value;
    if (!coord_record_value(record, &kp_transaction_log_value_schema, &value, arena) ||
        value.transaction_status < TRANSACTION_EMPTY || value.transaction_status > TRANSACTION_COMPLETE_ABORT)
        return false;
    *fields = (struct transaction_fields){
        .producer = {value.producer_id, value.producer_epoch},
        .previous_producer_id = value.previous_producer_id,
        .next_producer_id = value.next_producer_id,
        .last_epoch = -1,
        .client_version = value.client_transaction_version,
        .timeout_ms = value.transaction_timeout_ms,
        .state = (enum transaction_state)value.transaction_status,
        .updated_ms = value.transaction_last_update_timestamp_ms,
        .start_ms = value.transaction_start_timestamp_ms,
    };
    const struct transaction_partitions read = {.topics = value.transaction_partitions,
                                                .topics_count = value.transaction_partitions_count};
    transaction_partitions_copy(partitions, &read);
    return true;
}

bool transaction_record_read(const struct coord_record *record, struct kp_string *id, struct transaction_fields *fields,
                             struct transaction_partitions *partitions)
{
    struct kp_transaction_log_key key;
    struct arena arena;
    arena_init(&arena, COORD_DECODE_BYTES_MAX);
    *partitions = (struct transaction_partitions){0};
    bool good = coord_record_key(record, &kp_transaction_log_key_schema, &key, &arena) &&
                (record->removed || read_value(record, &arena, fields, partitions));
    *id = good ? key.transactional_id : KP_NULL_STRING;
    arena_release(&arena);
    return good;
}
