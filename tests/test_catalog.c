/* broker/catalog.h and broker/kept_records.h: records in, state out, and back into records. No broker, no files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "broker/catalog.h"
#include "broker/config.h"

#define NODE_ID 1

struct fixture {
    struct config config;
    struct catalog *catalog;
    char error[CATALOG_ERROR_SIZE];
};

static struct catalog *new_catalog(struct fixture *f)
{
    const struct catalog_options options = {.node_id = NODE_ID, .seed = 1, .config = &f->config};
    return catalog_new(&options);
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    config_init(&f->config);
    f->catalog = new_catalog(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    catalog_free(f->catalog);
    config_release(&f->config);
    free(f);
    return 0;
}

/* ---- records -------------------------------------------------------------------------------------------------------- */

/* Replay a message as a record of `version`. */
static bool replay(struct fixture *f, const struct kp_schema *schema, int16_t version, const void *message)
{
    struct arena arena;
    struct metadata_record record;
    arena_init(&arena, SIZE_MAX);
    struct kp_bytes value = metadata_record_encode(schema, version, message, &arena);
    assert_true(metadata_record_parse(&record, value));
    bool replayed = catalog_replay(f->catalog, &record, 0, f->error);
    arena_release(&arena);
    return replayed;
}

static struct kp_uuid id_of(uint8_t byte)
{
    struct kp_uuid id;
    memset(id.bytes, byte, sizeof id.bytes);
    return id;
}

static bool add_topic(struct fixture *f, const char *name, uint8_t id)
{
    struct kp_topic_record record = {.name = kp_string_of(name), .topic_id = id_of(id)};
    return replay(f, &kp_topic_record_schema, 0, &record);
}

static bool remove_topic(struct fixture *f, uint8_t id)
{
    struct kp_remove_topic_record record = {.topic_id = id_of(id)};
    return replay(f, &kp_remove_topic_record_schema, 0, &record);
}

static bool add_partition(struct fixture *f, uint8_t id, int32_t index)
{
    int32_t self = NODE_ID;
    struct kp_uuid directory = id_of(0xdd);
    struct kp_partition_record record = kp_partition_record_default;
    record.partition_id = index;
    record.topic_id = id_of(id);
    record.replicas = record.isr = &self;
    record.replicas_count = record.isr_count = 1;
    record.leader = NODE_ID;
    record.leader_epoch = record.partition_epoch = 0;
    record.directories = &directory;
    record.directories_count = 1;
    return replay(f, &kp_partition_record_schema, 1, &record);
}

static bool set_config(struct fixture *f, enum resource_type type, const char *resource, const char *name,
                       const char *value)
{
    struct kp_config_record record = {.resource_type = (int8_t)type,
                                      .resource_name = kp_string_of(resource),
                                      .name = kp_string_of(name),
                                      .value = kp_string_of(value)};
    return replay(f, &kp_config_record_schema, 0, &record);
}

static bool set_feature(struct fixture *f, const char *name, int16_t level)
{
    struct kp_feature_level_record record = {.name = kp_string_of(name), .feature_level = level};
    return replay(f, &kp_feature_level_record_schema, 0, &record);
}

static bool set_quota(struct fixture *f, const char *user, double value, bool remove)
{
    struct kp_client_quota_record_entity entity = {.entity_type = kp_string_of("user"),
                                                   .entity_name = kp_string_of(user)};
    struct kp_client_quota_record record = {
        .entity = &entity, .entity_count = 1, .key = kp_string_of("k"), .value = value, .remove = remove};
    return replay(f, &kp_client_quota_record_schema, 0, &record);
}

static bool register_broker(struct fixture *f, int64_t epoch, bool fenced)
{
    struct kp_register_broker_record record = kp_register_broker_record_default;
    record.broker_id = NODE_ID;
    record.broker_epoch = epoch;
    record.fenced = fenced;
    return replay(f, &kp_register_broker_record_schema, 3, &record);
}

/* ---- topics --------------------------------------------------------------------------------------------------------- */

static void topics_are_found_by_name_and_id_and_listed_by_name(void **state)
{
    struct fixture *f = *state;
    const char *names[] = {"m", "b", "zz", "a.b", "z", "A"};
    for (uint8_t i = 0; i < COUNT_OF(names); i++)
        assert_true(add_topic(f, names[i], i));
    const char *sorted[] = {"A", "a.b", "b", "m", "z", "zz"};
    assert_int_equal(catalog_topics_count(f->catalog), COUNT_OF(sorted));
    for (int32_t i = 0; i < (int32_t)COUNT_OF(sorted); i++)
        assert_string_equal(catalog_topic_at(f->catalog, i)->name, sorted[i]);
    assert_ptr_equal(catalog_topic(f->catalog, kp_string_of("zz")), catalog_topic_by_id(f->catalog, id_of(2)));
    assert_null(catalog_topic(f->catalog, kp_string_of("y")));
    assert_int_equal(catalog_position(f->catalog, kp_string_of("c")), 3);
}

static void a_second_topic_of_the_same_name_or_id_is_refused(void **state)
{
    struct fixture *f = *state;
    assert_true(add_topic(f, "t", 1));
    assert_false(add_topic(f, "t", 2));
    assert_false(add_topic(f, "u", 1));
}

static void a_removed_topic_takes_its_settings_with_it(void **state)
{
    struct fixture *f = *state;
    assert_true(add_topic(f, "t", 1) && set_config(f, RESOURCE_TOPIC, "t", "retention.ms", "5"));
    assert_true(add_topic(f, "u", 2) && set_config(f, RESOURCE_TOPIC, "u", "retention.ms", "6"));
    assert_true(remove_topic(f, 1));
    assert_null(catalog_topic(f->catalog, kp_string_of("t")));
    assert_null(catalog_topic_by_id(f->catalog, id_of(1)));
    assert_null(catalog_configs(f->catalog, RESOURCE_TOPIC, kp_string_of("t")));
    assert_non_null(catalog_configs(f->catalog, RESOURCE_TOPIC, kp_string_of("u")));
    assert_false(remove_topic(f, 1));
}

static void names_that_differ_in_dot_and_underscore_collide(void **state)
{
    struct fixture *f = *state;
    assert_true(add_topic(f, "a.b_c", 1));
    assert_string_equal(catalog_colliding_topic(f->catalog, kp_string_of("a_b.c"))->name, "a.b_c");
    assert_null(catalog_colliding_topic(f->catalog, kp_string_of("a_b")));
    assert_null(catalog_colliding_topic(f->catalog, kp_string_of("a_b_c_d")));
    assert_null(catalog_colliding_topic(f->catalog, kp_string_of("abc")));
}

/* ---- partitions ----------------------------------------------------------------------------------------------------- */

static void partitions_may_come_in_any_order(void **state)
{
    struct fixture *f = *state;
    assert_true(add_topic(f, "t", 1));
    const int32_t order[] = {3, 0, 2, 1};
    for (size_t i = 0; i < COUNT_OF(order); i++)
        assert_true(add_partition(f, 1, order[i]));
    assert_true(catalog_check(f->catalog, f->error));
    const struct topic *topic = catalog_topic(f->catalog, kp_string_of("t"));
    for (int32_t i = 0; i < 4; i++)
        assert_int_equal(topic_partition(topic, i)->index, i);
    assert_null(topic_partition(topic, 4));
    assert_null(topic_partition(topic, -1));
}

static void a_hole_among_partitions_is_refused(void **state)
{
    struct fixture *f = *state;
    assert_true(add_topic(f, "t", 1) && add_partition(f, 1, 0) && add_partition(f, 1, 2));
    assert_false(catalog_check(f->catalog, f->error));
    assert_string_equal(f->error, "topic t has no partition 1 but one above it");
}

static void a_partition_of_an_unknown_topic_is_refused(void **state)
{
    struct fixture *f = *state;
    assert_false(add_partition(f, 1, 0));
    assert_true(add_topic(f, "t", 1));
    assert_false(add_partition(f, 1, -1));
}

/* A leader in the record is a new leader epoch, even when it is the same; no leader in it is none. */
static void a_change_of_the_leader_raises_the_leader_epoch(void **state)
{
    struct fixture *f = *state;
    assert_true(add_topic(f, "t", 1) && add_partition(f, 1, 0));
    const struct partition *partition = topic_partition(catalog_topic(f->catalog, kp_string_of("t")), 0);
    struct kp_partition_change_record change = kp_partition_change_record_default;
    change.partition_id = 0;
    change.topic_id = id_of(1);
    assert_true(replay(f, &kp_partition_change_record_schema, 1, &change));
    assert_int_equal(partition->leader_epoch, 0);
    assert_int_equal(partition->partition_epoch, 1);
    change.leader = NODE_ID;
    assert_true(replay(f, &kp_partition_change_record_schema, 1, &change));
    assert_int_equal(partition->leader_epoch, 1);
    change.leader = -1;
    assert_true(replay(f, &kp_partition_change_record_schema, 1, &change));
    assert_int_equal(partition->leader, -1);
    assert_int_equal(partition->leader_epoch, 2);
    assert_int_equal(partition->partition_epoch, 3);
    change.partition_id = 1;
    assert_false(replay(f, &kp_partition_change_record_schema, 1, &change));
}

static void a_reassignment_to_another_broker_is_refused(void **state)
{
    struct fixture *f = *state;
    assert_true(add_topic(f, "t", 1) && add_partition(f, 1, 0));
    int32_t other = 2;
    struct kp_partition_change_record change = kp_partition_change_record_default;
    change.partition_id = 0;
    change.topic_id = id_of(1);
    change.replicas = &other;
    change.replicas_count = 1;
    assert_false(replay(f, &kp_partition_change_record_schema, 1, &change));
}

/* ---- features, producer ids, settings ------------------------------------------------------------------------------- */

static void level_0_takes_a_feature_away(void **state)
{
    struct fixture *f = *state;
    assert_true(set_feature(f, "z", 3) && set_feature(f, "a", 1) && set_feature(f, "m", 2) && set_feature(f, "a", 2));
    assert_int_equal(catalog_feature_level(f->catalog, "a"), 2);
    assert_true(set_feature(f, "m", 0) && set_feature(f, "none", 0));
    assert_int_equal(catalog_feature_level(f->catalog, "m"), 0);
    assert_int_equal(catalog_feature_level(f->catalog, "a"), 2);
    assert_int_equal(catalog_feature_level(f->catalog, "z"), 3);
}

static void only_known_metadata_versions_are_accepted(void **state)
{
    struct fixture *f = *state;
    assert_false(set_feature(f, "metadata.version", METADATA_VERSION_LATEST + 1));
    assert_non_null(strstr(f->error, "34"));
    assert_false(set_feature(f, "metadata.version", METADATA_VERSION_OLDEST - 1));
    assert_true(set_feature(f, "metadata.version", METADATA_VERSION_OLDEST));
}

/* Records must be such that a Kafka of the finalized level reads them. */
static void versions_of_records_follow_the_levels(void **state)
{
    struct fixture *f = *state;
    assert_true(set_feature(f, "metadata.version", METADATA_VERSION_DIRECTORIES - 1));
    assert_int_equal(catalog_partition_record_version(f->catalog), 0);
    assert_true(set_feature(f, "metadata.version", METADATA_VERSION_DIRECTORIES));
    assert_int_equal(catalog_partition_record_version(f->catalog), 1);
    assert_true(set_feature(f, "eligible.leader.replicas.version", 1));
    assert_int_equal(catalog_partition_record_version(f->catalog), 2);
}

static void producer_ids_never_go_back(void **state)
{
    struct fixture *f = *state;
    struct kp_producer_ids_record record = kp_producer_ids_record_default;
    record.next_producer_id = 2000;
    assert_true(replay(f, &kp_producer_ids_record_schema, 0, &record));
    record.next_producer_id = 1000;
    assert_false(replay(f, &kp_producer_ids_record_schema, 0, &record));
    assert_int_equal(catalog_next_producer_id(f->catalog), 2000);
}

static void settings_are_kept_by_resource_and_null_removes_them(void **state)
{
    struct fixture *f = *state;
    assert_true(set_config(f, RESOURCE_GROUP, "g", "b", "1") && set_config(f, RESOURCE_TOPIC, "g", "b", "2"));
    assert_true(set_config(f, RESOURCE_GROUP, "g", "a", "3"));
    const struct topic_overrides *group = catalog_configs(f->catalog, RESOURCE_GROUP, kp_string_of("g"));
    assert_string_equal(topic_overrides_get(group, "b"), "1");
    assert_string_equal(topic_overrides_get(group, "a"), "3");
    assert_true(set_config(f, RESOURCE_GROUP, "g", "a", NULL) && set_config(f, RESOURCE_GROUP, "g", "b", NULL));
    assert_null(catalog_configs(f->catalog, RESOURCE_GROUP, kp_string_of("g")));
    assert_true(set_config(f, RESOURCE_GROUP, "g", "b", NULL));
    assert_non_null(catalog_configs(f->catalog, RESOURCE_TOPIC, kp_string_of("g")));
}

/* ---- bytes that are no records -------------------------------------------------------------------------------------- */

static void values_without_a_frame_are_no_records(void **state)
{
    (void)state;
    struct metadata_record record;
    const uint8_t wrong_frame[] = {2, 2, 0, 0}, no_version[] = {1, 2}, long_type[] = {1, 0xff, 0xff, 0xff, 0x7f, 0};
    assert_false(metadata_record_parse(&record, (struct kp_bytes){NULL, -1}));
    assert_false(metadata_record_parse(&record, (struct kp_bytes){wrong_frame, sizeof wrong_frame}));
    assert_false(metadata_record_parse(&record, (struct kp_bytes){no_version, sizeof no_version}));
    assert_false(metadata_record_parse(&record, (struct kp_bytes){long_type, sizeof long_type}));
}

/* Of every type: a body that is cut, or a version from the future, is refused with a sentence. */
static void bodies_that_cannot_be_read_are_refused(void **state)
{
    struct fixture *f = *state;
    const uint8_t types[] = {KP_TYPE_REGISTER_BROKER_RECORD,  KP_TYPE_TOPIC_RECORD,
                             KP_TYPE_PARTITION_RECORD,        KP_TYPE_CONFIG_RECORD,
                             KP_TYPE_PARTITION_CHANGE_RECORD, KP_TYPE_ACCESS_CONTROL_ENTRY_RECORD,
                             KP_TYPE_CLIENT_QUOTA_RECORD,     KP_TYPE_FEATURE_LEVEL_RECORD,
                             KP_TYPE_PRODUCER_IDS_RECORD};
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        const uint8_t cut[] = {1, types[i], 0, 5}, future[] = {1, types[i], 99, 0, 0, 0, 0};
        const struct kp_bytes values[] = {
            {cut,    sizeof cut   },
            {future, sizeof future}
        };
        for (size_t j = 0; j < COUNT_OF(values); j++) {
            struct metadata_record record;
            assert_true(metadata_record_parse(&record, values[j]));
            f->error[0] = '\0';
            assert_false(catalog_replay(f->catalog, &record, 0, f->error));
            assert_non_null(strstr(f->error, "cannot be read"));
        }
    }
}

/* ---- back into records ---------------------------------------------------------------------------------------------- */

struct image {
    struct arena arena;
    struct kp_bytes values[64];
    int count;
};

static void add_value(void *context, struct kp_bytes value)
{
    struct image *image = context;
    assert_in_range(image->count, 0, COUNT_OF(image->values) - 1);
    image->values[image->count++] =
        (struct kp_bytes){(const uint8_t *)arena_copy(&image->arena, value.data, (size_t)value.size), value.size};
}

static struct image take_image(const struct catalog *catalog)
{
    struct image image = {.count = 0};
    arena_init(&image.arena, SIZE_MAX);
    catalog_each_record(catalog, add_value, &image);
    return image;
}

static int count_type(const struct image *image, int16_t type)
{
    int count = 0;
    for (int i = 0; i < image->count; i++) {
        struct metadata_record record;
        assert_true(metadata_record_parse(&record, image->values[i]));
        count += record.type == type;
    }
    return count;
}

static void a_catalog_made_of_its_own_records_has_the_same_records(void **state)
{
    struct fixture *f = *state;
    assert_true(set_feature(f, "metadata.version", 33) && set_feature(f, "eligible.leader.replicas.version", 1));
    assert_true(add_topic(f, "t", 1) && add_partition(f, 1, 0) && add_partition(f, 1, 1) && add_topic(f, "s", 2));
    assert_true(set_config(f, RESOURCE_TOPIC, "t", "retention.ms", "5") &&
                set_config(f, RESOURCE_BROKER, "", "x", "y"));
    assert_true(set_quota(f, "u", 1.5, false) && register_broker(f, 7, true));
    struct kp_producer_ids_record ids = kp_producer_ids_record_default;
    ids.broker_id = NODE_ID;
    ids.next_producer_id = 2000;
    assert_true(replay(f, &kp_producer_ids_record_schema, 0, &ids));
    assert_true(catalog_check(f->catalog, f->error));

    struct image first = take_image(f->catalog);
    catalog_free(f->catalog);
    f->catalog = new_catalog(f);
    for (int i = 0; i < first.count; i++) {
        struct metadata_record record;
        assert_true(metadata_record_parse(&record, first.values[i]));
        assert_true(catalog_replay(f->catalog, &record, 0, f->error));
    }
    struct image second = take_image(f->catalog);
    assert_int_equal(second.count, first.count);
    assert_int_equal(first.count, 2 + 2 + 4 + 2 + 1);
    for (int i = 0; i < first.count; i++) {
        assert_int_equal(second.values[i].size, first.values[i].size);
        assert_memory_equal(second.values[i].data, first.values[i].data, (size_t)first.values[i].size);
    }
    arena_release(&first.arena);
    arena_release(&second.arena);
}

static void of_what_is_kept_the_newest_counts_and_the_removed_is_gone(void **state)
{
    struct fixture *f = *state;
    assert_true(set_quota(f, "u", 1, false) && set_quota(f, "v", 1, false) && set_quota(f, "u", 2, false));
    struct image image = take_image(f->catalog);
    assert_int_equal(count_type(&image, KP_TYPE_CLIENT_QUOTA_RECORD), 2);
    arena_release(&image.arena);
    assert_true(set_quota(f, "u", 0, true));
    image = take_image(f->catalog);
    assert_int_equal(count_type(&image, KP_TYPE_CLIENT_QUOTA_RECORD), 1);
    arena_release(&image.arena);
}

static void credentials_tokens_and_access_control_can_be_removed(void **state)
{
    struct fixture *f = *state;
    struct kp_user_scram_credential_record credential = kp_user_scram_credential_record_default;
    struct kp_remove_user_scram_credential_record no_credential = {.name = kp_string_of("alice"), .mechanism = 1};
    credential.name = kp_string_of("alice");
    credential.mechanism = 1;
    struct kp_delegation_token_record token = kp_delegation_token_record_default;
    struct kp_remove_delegation_token_record no_token = {.token_id = kp_string_of("T")};
    token.token_id = kp_string_of("T");
    struct kp_access_control_entry_record entry = kp_access_control_entry_record_default;
    struct kp_remove_access_control_entry_record no_entry = {.id = id_of(9)};
    entry.id = id_of(9);
    assert_true(replay(f, &kp_user_scram_credential_record_schema, 0, &credential));
    assert_true(replay(f, &kp_delegation_token_record_schema, 0, &token));
    assert_true(replay(f, &kp_access_control_entry_record_schema, 0, &entry));
    struct image image = take_image(f->catalog);
    assert_int_equal(image.count, 3);
    arena_release(&image.arena);
    assert_true(replay(f, &kp_remove_user_scram_credential_record_schema, 0, &no_credential));
    assert_true(replay(f, &kp_remove_delegation_token_record_schema, 0, &no_token));
    assert_true(replay(f, &kp_remove_access_control_entry_record_schema, 0, &no_entry));
    image = take_image(f->catalog);
    assert_int_equal(image.count, 0);
    arena_release(&image.arena);
}

static void changes_of_a_registration_are_merged_into_it(void **state)
{
    struct fixture *f = *state;
    struct kp_register_broker_record registration;
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    assert_false(catalog_registration(f->catalog, 1, &registration, &arena));
    assert_true(register_broker(f, 7, true));
    struct kp_broker_registration_change_record change = kp_broker_registration_change_record_default;
    change.broker_id = NODE_ID;
    change.broker_epoch = 7;
    change.fenced = -1;
    assert_true(replay(f, &kp_broker_registration_change_record_schema, 0, &change));
    assert_true(catalog_registration(f->catalog, 1, &registration, &arena));
    assert_false(registration.fenced);
    assert_int_equal(registration.broker_epoch, 7);
    change.fenced = 1;
    assert_true(replay(f, &kp_broker_registration_change_record_schema, 0, &change));
    assert_true(register_broker(f, 9, false));
    assert_true(catalog_registration(f->catalog, 1, &registration, &arena));
    assert_int_equal(registration.broker_epoch, 9);
    arena_release(&arena);
}

/* From a newer level, which is refused, or from a bug: in any case nothing is lost. */
static void records_of_unknown_types_are_kept_byte_for_byte(void **state)
{
    struct fixture *f = *state;
    const uint8_t bytes[] = {1, 120, 3, 'w', 'h', 'a', 't', 0}, other[] = {1, 120, 3, 'e', 'l', 's', 'e', 0};
    const struct kp_bytes values[] = {
        {bytes, sizeof bytes},
        {other, sizeof other}
    };
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        struct metadata_record record;
        assert_true(metadata_record_parse(&record, values[i]));
        assert_true(catalog_replay(f->catalog, &record, 0, f->error));
    }
    struct image image = take_image(f->catalog);
    assert_int_equal(image.count, 2);
    assert_memory_equal(image.values[0].data, bytes, sizeof bytes);
    assert_memory_equal(image.values[1].data, other, sizeof other);
    arena_release(&image.arena);
}

static void records_that_say_nothing_lasting_are_not_kept(void **state)
{
    struct fixture *f = *state;
    struct kp_clear_elr_record clear = {.topic_name = kp_string_of("t")};
    assert_true(replay(f, &kp_no_op_record_schema, 0, &kp_no_op_record_default));
    assert_true(replay(f, &kp_clear_elr_record_schema, 0, &clear));
    struct image image = take_image(f->catalog);
    assert_int_equal(image.count, 0);
    arena_release(&image.arena);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(topics_are_found_by_name_and_id_and_listed_by_name),
        TEST(a_second_topic_of_the_same_name_or_id_is_refused),
        TEST(a_removed_topic_takes_its_settings_with_it),
        TEST(names_that_differ_in_dot_and_underscore_collide),
        TEST(partitions_may_come_in_any_order),
        TEST(a_hole_among_partitions_is_refused),
        TEST(a_partition_of_an_unknown_topic_is_refused),
        TEST(a_change_of_the_leader_raises_the_leader_epoch),
        TEST(a_reassignment_to_another_broker_is_refused),
        TEST(level_0_takes_a_feature_away),
        TEST(only_known_metadata_versions_are_accepted),
        TEST(versions_of_records_follow_the_levels),
        TEST(producer_ids_never_go_back),
        TEST(settings_are_kept_by_resource_and_null_removes_them),
        TEST(values_without_a_frame_are_no_records),
        TEST(bodies_that_cannot_be_read_are_refused),
        TEST(a_catalog_made_of_its_own_records_has_the_same_records),
        TEST(of_what_is_kept_the_newest_counts_and_the_removed_is_gone),
        TEST(credentials_tokens_and_access_control_can_be_removed),
        TEST(changes_of_a_registration_are_merged_into_it),
        TEST(records_of_unknown_types_are_kept_byte_for_byte),
        TEST(records_that_say_nothing_lasting_are_not_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
