/* A table of what each type of record speaks of (its identity), and what it does to the kept one. See kept_records.h.
 */
#include "kept_records.h"

struct kept_record {
    struct hash_node node;
    struct list link; /* in kept->order */
    int16_t type;
    struct kp_bytes identity; /* what it speaks of; encoded like a message. Null: nothing in common with any other */
    struct kp_bytes value;
};

void kept_records_init(struct kept_records *kept, uint64_t seed)
{
    hash_map_init(&kept->records, seed);
    list_init(&kept->order);
}

static void kept_free(struct kept_records *kept, struct kept_record *record)
{
    hash_map_remove(&kept->records, &record->node);
    list_remove(&record->link);
    free((void *)record->identity.data);
    free((void *)record->value.data);
    free(record);
}

void kept_records_release(struct kept_records *kept)
{
    list_for_each (&kept->order, node)
        kept_free(kept, CONTAINER_OF(node, struct kept_record, link));
    hash_map_release(&kept->records);
}

static uint64_t hash_of(const struct kept_records *kept, int16_t type, struct kp_bytes identity)
{
    return hash_bytes(&kept->records, identity.data, (size_t)identity.size) + (uint64_t)type;
}

static struct kept_record *find(const struct kept_records *kept, int16_t type, struct kp_bytes identity)
{
    struct hash_node *node = hash_map_first(&kept->records, hash_of(kept, type, identity));
    for (; node; node = hash_node_next(node)) {
        struct kept_record *record = CONTAINER_OF(node, struct kept_record, node);
        if (record->type == type && record->identity.size == identity.size &&
            memcmp(record->identity.data, identity.data, (size_t)identity.size) == 0)
            return record;
    }
    return NULL;
}

static struct kp_bytes copy_of(struct kp_bytes bytes)
{
    uint8_t *copy = xmalloc((size_t)bytes.size);
    if (bytes.size > 0) /* data may be null then */
        memcpy(copy, bytes.data, (size_t)bytes.size);
    return (struct kp_bytes){copy, bytes.size};
}

static void keep(struct kept_records *kept, int16_t type, struct kp_bytes identity, struct kp_bytes value)
{
    struct kept_record *record = find(kept, type, identity);
    if (record) {
        free((void *)record->value.data);
    } else {
        record = xcalloc(1, sizeof *record);
        record->type = type;
        record->identity = copy_of(identity);
        hash_map_insert(&kept->records, &record->node, hash_of(kept, type, identity));
        list_append(&kept->order, &record->link);
    }
    record->value = copy_of(value);
}

static void drop(struct kept_records *kept, int16_t type, struct kp_bytes identity)
{
    struct kept_record *record = find(kept, type, identity);
    if (record)
        kept_free(kept, record);
}

/* ---- what the types speak of ---------------------------------------------------------------------------------------- */

static struct kp_bytes identity_of_int32(const int32_t *id)
{
    return (struct kp_bytes){(const uint8_t *)id, sizeof *id};
}

static struct kp_bytes identity_of_uuid(const struct kp_uuid *id)
{
    return (struct kp_bytes){id->bytes, sizeof id->bytes};
}

static struct kp_bytes identity_of_string(struct kp_string text)
{
    return (struct kp_bytes){(const uint8_t *)text.data, text.size};
}

/* The part of a message that names its thing, as the message itself with everything else at its default. */
static struct kp_bytes identity_of_message(const struct kp_schema *schema, const void *message, struct arena *arena)
{
    size_t size = kp_encoded_size(schema, message, 0);
    uint8_t *bytes = size == KP_UNENCODABLE ? NULL : arena_alloc(arena, size);
    if (!bytes)
        return (struct kp_bytes){NULL, -1};
    struct kp_writer writer;
    kp_writer_init(&writer, bytes, size);
    kp_encode(schema, message, &writer, 0);
    return (struct kp_bytes){bytes, (int32_t)size};
}

static struct kp_bytes identity_of_credential(struct kp_string user, int8_t mechanism, struct arena *arena)
{
    struct kp_remove_user_scram_credential_record name = {.name = user, .mechanism = mechanism};
    return identity_of_message(&kp_remove_user_scram_credential_record_schema, &name, arena);
}

bool kept_records_registration(const struct kept_records *kept, int32_t broker_id,
                               struct kp_register_broker_record *registration, struct arena *arena)
{
    const struct kept_record *record = find(kept, KP_TYPE_REGISTER_BROKER_RECORD, identity_of_int32(&broker_id));
    struct metadata_record framed;
    return record && metadata_record_parse(&framed, record->value) &&
           metadata_record_decode(&framed, registration, arena);
}

/* Merge a change into the registration that it changes; one of a broker that is not registered changes nothing. */
static void change_registration(struct kept_records *kept, const struct kp_broker_registration_change_record *change,
                                struct arena *arena)
{
    struct kp_register_broker_record registration;
    struct kept_record *record = find(kept, KP_TYPE_REGISTER_BROKER_RECORD, identity_of_int32(&change->broker_id));
    struct metadata_record framed;
    if (!record || !metadata_record_parse(&framed, record->value) ||
        !metadata_record_decode(&framed, &registration, arena))
        return;
    if (change->fenced != 0)
        registration.fenced = change->fenced > 0;
    if (change->in_controlled_shutdown != 0)
        registration.in_controlled_shutdown = change->in_controlled_shutdown > 0;
    if (change->log_dirs_count > 0) {
        registration.log_dirs = change->log_dirs;
        registration.log_dirs_count = change->log_dirs_count;
    }
    if (change->cordoned_log_dirs_count >= 0) {
        registration.cordoned_log_dirs = change->cordoned_log_dirs;
        registration.cordoned_log_dirs_count = change->cordoned_log_dirs_count;
    }
    struct kp_bytes merged =
        metadata_record_encode(&kp_register_broker_record_schema, framed.version, &registration, arena);
    if (merged.size >= 0)
        keep(kept, KP_TYPE_REGISTER_BROKER_RECORD, identity_of_int32(&registration.broker_id), merged);
}

/* ---- replay --------------------------------------------------------------------------------------------------------- */

union any_message {
    struct kp_register_broker_record register_broker;
    struct kp_unregister_broker_record unregister_broker;
    struct kp_broker_registration_change_record registration_change;
    struct kp_register_controller_record register_controller;
    struct kp_unregister_controller_record unregister_controller;
    struct kp_access_control_entry_record access_control_entry;
    struct kp_remove_access_control_entry_record remove_access_control_entry;
    struct kp_delegation_token_record delegation_token;
    struct kp_remove_delegation_token_record remove_delegation_token;
    struct kp_user_scram_credential_record credential;
    struct kp_remove_user_scram_credential_record remove_credential;
    struct kp_zk_migration_state_record zk_migration;
};

static bool replay_known(struct kept_records *kept, const struct metadata_record *record, struct arena *arena)
{
    union any_message m;
    struct kp_bytes identity;
    int16_t type = record->type;
    ASSERT(record->schema->size <= sizeof m);
    if (!metadata_record_decode(record, &m, arena))
        return false;
    switch (type) {
    case KP_TYPE_REGISTER_BROKER_RECORD:
        keep(kept, type, identity_of_int32(&m.register_broker.broker_id), record->value);
        return true;
    case KP_TYPE_UNREGISTER_BROKER_RECORD:
        drop(kept, KP_TYPE_REGISTER_BROKER_RECORD, identity_of_int32(&m.unregister_broker.broker_id));
        return true;
    case KP_TYPE_BROKER_REGISTRATION_CHANGE_RECORD:
        change_registration(kept, &m.registration_change, arena);
        return true;
    case KP_TYPE_REGISTER_CONTROLLER_RECORD:
        keep(kept, type, identity_of_int32(&m.register_controller.controller_id), record->value);
        return true;
    case KP_TYPE_UNREGISTER_CONTROLLER_RECORD:
        drop(kept, KP_TYPE_REGISTER_CONTROLLER_RECORD, identity_of_int32(&m.unregister_controller.controller_id));
        return true;
    case KP_TYPE_ACCESS_CONTROL_ENTRY_RECORD:
        keep(kept, type, identity_of_uuid(&m.access_control_entry.id), record->value);
        return true;
    case KP_TYPE_REMOVE_ACCESS_CONTROL_ENTRY_RECORD:
        drop(kept, KP_TYPE_ACCESS_CONTROL_ENTRY_RECORD, identity_of_uuid(&m.remove_access_control_entry.id));
        return true;
    case KP_TYPE_DELEGATION_TOKEN_RECORD:
        keep(kept, type, identity_of_string(m.delegation_token.token_id), record->value);
        return true;
    case KP_TYPE_REMOVE_DELEGATION_TOKEN_RECORD:
        drop(kept, KP_TYPE_DELEGATION_TOKEN_RECORD, identity_of_string(m.remove_delegation_token.token_id));
        return true;
    case KP_TYPE_USER_SCRAM_CREDENTIAL_RECORD:
        identity = identity_of_credential(m.credential.name, m.credential.mechanism, arena);
        if (identity.size >= 0)
            keep(kept, type, identity, record->value);
        return identity.size >= 0;
    case KP_TYPE_REMOVE_USER_SCRAM_CREDENTIAL_RECORD:
        identity = identity_of_credential(m.remove_credential.name, m.remove_credential.mechanism, arena);
        if (identity.size >= 0)
            drop(kept, KP_TYPE_USER_SCRAM_CREDENTIAL_RECORD, identity);
        return identity.size >= 0;
    case KP_TYPE_ZK_MIGRATION_STATE_RECORD:
        keep(kept, type, (struct kp_bytes){NULL, 0}, record->value);
        return true;
    default: /* says nothing that lasts: no-op, older fencing, cleared eligible leaders of a cluster of one */
        return true;
    }
}

bool kept_records_replay(struct kept_records *kept, const struct metadata_record *record)
{
    if (!record->schema) { /* nothing can be said about what it replaces: all of them stay */
        keep(kept, record->type, record->value, record->value);
        return true;
    }
    struct arena arena;
    arena_init(&arena, METADATA_DECODE_BYTES_MAX);
    bool replayed = replay_known(kept, record, &arena);
    arena_release(&arena);
    return replayed;
}

void kept_records_each(const struct kept_records *kept, void (*each)(void *context, struct kp_bytes value),
                       void *context)
{
    list_for_each (&kept->order, node)
        each(context, CONTAINER_OF(node, struct kept_record, link)->value);
}
