/* Quotas: rates and tokens as Apache Kafka measures them, which quota applies to a client, what a throttled client is
 * told and kept from. */
#include "broker/quota.h"

#include "broker/limits.h"
#include "lib/broker_fixture.h"
#include "protocol/base.h"
#include "protocol/errors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

/* ---- rates and tokens ----------------------------------------------------------------------------------------------- */

struct figure {
    int32_t samples;
    int64_t size_ms;
    double limit;
    int64_t at_ms;
    double value;
    int32_t throttle_ms;
};

/* What Kafka's classes say of these records: printed by tests/golden/quotas/Figures.java. A row that is earlier than
 * the one before begins anew. */
static const struct figure RATES[] = {
    {11, 1000, 500.0, 1088,   2313,  0     },
    {11, 1000, 500.0, 1992,   1606,  0     },
    {11, 1000, 500.0, 2740,   2473,  2132  },
    {11, 1000, 500.0, 4003,   1234,  4337  },
    {11, 1000, 500.0, 4765,   2189,  8953  },
    {11, 1000, 500.0, 5097,   19099, 47819 },
    {11, 1000, 500.0, 6056,   2153,  51166 },
    {11, 1000, 500.0, 27358,  22854, 35708 },
    {11, 1000, 500.0, 28364,  2955,  41612 },
    {11, 1000, 500.0, 29684,  2834,  46960 },
    {11, 1000, 500.0, 30844,  1737,  50274 },
    {11, 1000, 500.0, 36436,  9888,  70458 },
    {11, 1000, 500.0, 37293,  333,   70267 },
    {11, 1000, 500.0, 37848,  1345,  73402 },
    {11, 1000, 500.0, 38077,  884,   74941 },
    {11, 1000, 500.0, 38228,  1683,  78156 },
    {11, 1000, 500.0, 45224,  514,   18506 },
    {11, 1000, 500.0, 46252,  2716,  23910 },
    {11, 1000, 500.0, 46310,  87,    24026 },
    {11, 1000, 500.0, 47541,  797,   25389 },
    {11, 1000, 500.0, 48603,  708,   6713  },
    {11, 1000, 500.0, 49172,  695,   7534  },
    {11, 1000, 500.0, 49982,  2526,  5328  },
    {11, 1000, 500.0, 70602,  2825,  0     },
    {11, 1000, 500.0, 71203,  1650,  0     },
    {11, 1000, 500.0, 71435,  2575,  3267  },
    {11, 1000, 500.0, 72059,  543,   4729  },
    {11, 1000, 500.0, 72606,  1180,  7542  },
    {3,  2000, 800.5, 1264,   38044, 43525 },
    {3,  2000, 800.5, 2718,   1649,  44131 },
    {3,  2000, 800.5, 3452,   13712, 62527 },
    {3,  2000, 800.5, 54363,  9662,  8070  },
    {3,  2000, 800.5, 91101,  279,   0     },
    {3,  2000, 800.5, 91525,  1051,  0     },
    {3,  2000, 800.5, 92329,  400,   0     },
    {3,  2000, 800.5, 92540,  2073,  0     },
    {3,  2000, 800.5, 93931,  16492, 20523 },
    {3,  2000, 800.5, 94237,  2234,  23008 },
    {3,  2000, 800.5, 123117, 1047,  0     },
    {3,  2000, 800.5, 124012, 2289,  0     },
    {3,  2000, 800.5, 124564, 1245,  276   },
    {3,  2000, 800.5, 126034, 2452,  3869  },
    {3,  2000, 800.5, 126299, 2157,  6298  },
    {3,  2000, 800.5, 127324, 829,   8309  },
    {3,  2000, 800.5, 128829, 20105, 31919 },
    {3,  2000, 800.5, 129776, 2652,  34285 },
    {3,  2000, 800.5, 130296, 396,   34260 },
    {3,  2000, 800.5, 131217, 1598,  32530 },
    {1,  1000, 100.0, 1560,   22581, 225809},
    {1,  1000, 100.0, 15762,  1564,  15639 },
    {1,  1000, 100.0, 16423,  26882, 283799},
    {1,  1000, 100.0, 16937,  2806,  311345},
    {1,  1000, 100.0, 17174,  1099,  322098},
    {1,  1000, 100.0, 17366,  24795, 569856},
    {1,  1000, 100.0, 17979,  1259,  298548},
    {1,  1000, 100.0, 18872,  635,   18047 },
    {1,  1000, 100.0, 19340,  417,   21749 },
    {1,  1000, 100.0, 19574,  787,   29385 },
    {1,  1000, 100.0, 19663,  2074,  50036 },
    {1,  1000, 100.0, 20105,  2135,  53365 },
};

static const struct figure BUCKETS[] = {
    {11, 1000, 1.5,  1001108, 2,  0     },
    {11, 1000, 1.5,  1001175, 0,  0     },
    {11, 1000, 1.5,  1001781, 7,  0     },
    {11, 1000, 1.5,  1002849, 2,  0     },
    {11, 1000, 1.5,  1005283, 2,  0     },
    {11, 1000, 1.5,  1005699, 0,  0     },
    {11, 1000, 1.5,  1006229, 0,  0     },
    {11, 1000, 1.5,  1007876, 1,  0     },
    {11, 1000, 1.5,  1008132, 1,  0     },
    {11, 1000, 1.5,  1008767, 1,  0     },
    {11, 1000, 1.5,  1010946, 1,  0     },
    {11, 1000, 1.5,  1013096, 2,  0     },
    {11, 1000, 1.5,  1016093, 1,  0     },
    {11, 1000, 1.5,  1018681, 1,  0     },
    {11, 1000, 1.5,  1020039, 0,  0     },
    {11, 1000, 1.5,  1020279, 3,  0     },
    {11, 1000, 1.5,  1021615, 2,  0     },
    {11, 1000, 1.5,  1023581, 1,  0     },
    {11, 1000, 1.5,  1024480, 0,  0     },
    {11, 1000, 1.5,  1025882, 2,  0     },
    {11, 1000, 1.5,  1026196, 1,  0     },
    {11, 1000, 1.5,  1027309, 26, 6906  },
    {11, 1000, 1.5,  1029847, 4,  7035  },
    {11, 1000, 1.5,  1030794, 2,  7421  },
    {2,  3000, 0.75, 1001487, 14, 12667 },
    {2,  3000, 0.75, 1002911, 2,  13909 },
    {2,  3000, 0.75, 1005765, 2,  13722 },
    {2,  3000, 0.75, 1006086, 0,  13401 },
    {2,  3000, 0.75, 1007833, 2,  14321 },
    {2,  3000, 0.75, 1008923, 25, 46564 },
    {2,  3000, 0.75, 1008940, 0,  46547 },
    {2,  3000, 0.75, 1011105, 26, 79049 },
    {2,  3000, 0.75, 1013866, 20, 102954},
    {2,  3000, 0.75, 1015513, 2,  103974},
    {2,  3000, 0.75, 1018202, 1,  102618},
    {2,  3000, 0.75, 1019331, 2,  104156},
    {2,  3000, 0.75, 1020277, 19, 128543},
    {2,  3000, 0.75, 1021910, 2,  129577},
    {2,  3000, 0.75, 1022780, 0,  128707},
    {2,  3000, 0.75, 1024978, 1,  127842},
};

static bool begins(const struct figure *figures, size_t i)
{
    return i == 0 || figures[i].at_ms < figures[i - 1].at_ms;
}

static void rates_are_those_of_kafka(void **state)
{
    (void)state;
    struct quota_rate rate = {0};
    for (size_t i = 0; i < COUNT_OF(RATES); i++) {
        const struct figure *figure = &RATES[i];
        const struct quota_windows windows = {figure->samples, figure->size_ms};
        if (begins(RATES, i))
            quota_rate_release(&rate);
        quota_rate_record(&rate, &windows, figure->value, figure->at_ms);
        assert_int_equal(quota_rate_throttle_ms(&rate, &windows, figure->limit, figure->at_ms), figure->throttle_ms);
        assert_true(rate.count <= figure->samples + 1);
    }
    quota_rate_release(&rate);
}

static void tokens_are_those_of_kafka(void **state)
{
    (void)state;
    struct quota_bucket bucket = {0};
    for (size_t i = 0; i < COUNT_OF(BUCKETS); i++) {
        const struct figure *figure = &BUCKETS[i];
        const struct quota_windows windows = {figure->samples, figure->size_ms};
        if (begins(BUCKETS, i))
            bucket = (struct quota_bucket){0};
        quota_bucket_record(&bucket, &windows, figure->limit, figure->value, figure->at_ms);
        assert_int_equal(quota_bucket_throttle_ms(&bucket, &windows, figure->limit, figure->at_ms),
                         figure->throttle_ms);
    }
}

/* Where Kafka's int wraps around, the longest time is told. */
/* Kafka's SampledStat: a sample is whole when its window is over, to the millisecond. */
static void a_sample_ends_with_its_window(void **state)
{
    (void)state;
    struct quota_rate rate = {0};
    const struct quota_windows windows = {.samples = 10, .size_ms = 1000};
    quota_rate_record(&rate, &windows, 1, 5000);
    quota_rate_record(&rate, &windows, 1, 5999);
    assert_int_equal(rate.count, 1);
    quota_rate_record(&rate, &windows, 1, 6000);
    assert_int_equal(rate.count, 2);
    quota_rate_release(&rate);
}

static void a_wait_beyond_an_int_is_the_longest(void **state)
{
    (void)state;
    const struct quota_windows windows = {11, 1000};
    struct quota_rate rate = {0};
    quota_rate_record(&rate, &windows, 1e9, 1000);
    assert_int_equal(quota_rate_throttle_ms(&rate, &windows, 1, 1000), INT32_MAX);
    quota_rate_release(&rate);
}

/* ---- which quota applies -------------------------------------------------------------------------------------------- */

#define KEY "producer_byte_rate"

struct fixture {
    struct client_quotas values;
    struct quotas quotas;
    int64_t now_ms;
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    const struct quota_windows windows = {11, 1000};
    client_quotas_init(&f->values, 1);
    quotas_init(&f->quotas, &f->values, &windows, &windows, 2);
    f->now_ms = 1000000;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    quotas_release(&f->quotas);
    client_quotas_release(&f->values);
    free(f);
    return 0;
}

/* A name: NULL for none, "*" for the default. */
static int32_t add_part(quota_part *parts, int32_t count, const char *type, const char *name)
{
    if (name == NULL)
        return count;
    parts[count].entity_type = kp_string_of(type);
    parts[count].entity_name = strcmp(name, "*") == 0 ? KP_NULL_STRING : kp_string_of(name);
    return count + 1;
}

/* Set, or with 0 remove, a producer's quota. */
static void set(struct fixture *f, const char *user, const char *client_id, double value)
{
    quota_part parts[2];
    int32_t count = add_part(parts, add_part(parts, 0, "user", user), "client-id", client_id);
    struct kp_client_quota_record record = {
        .entity = parts, .entity_count = count, .key = kp_string_of(KEY), .value = value, .remove = value == 0};
    client_quotas_replay(&f->values, &record);
}

/* The quota of a client, told by what may be recorded at once: ten windows' worth. INT32_MAX / 10: none. */
static int32_t limit(struct fixture *f, const char *user, const char *client_id)
{
    struct quota_client client = {kp_string_of(user), client_id == NULL ? KP_NULL_STRING : kp_string_of(client_id)};
    return quota_value_max(&f->quotas, QUOTA_PRODUCE, client, f->now_ms) / 10;
}

#define NO_LIMIT (INT32_MAX / 10)

/* Kafka's order, the weakest first: each new quota takes precedence over those before. */
static void the_most_specific_quota_applies(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *user, *client_id;
    } order[] = {
        {NULL, "*" },
        {NULL, "c" },
        {"*",  NULL},
        {"*",  "*" },
        {"*",  "c" },
        {"u",  NULL},
        {"u",  "*" },
        {"u",  "c" },
    };
    assert_int_equal(limit(f, "u", "c"), NO_LIMIT);
    for (int i = 0; i < (int)COUNT_OF(order); i++) {
        set(f, order[i].user, order[i].client_id, i + 1);
        assert_int_equal(limit(f, "u", "c"), i + 1);
    }
    for (int i = (int)COUNT_OF(order) - 1; i >= 0; i--) {
        assert_int_equal(limit(f, "u", "c"), i + 1);
        set(f, order[i].user, order[i].client_id, 0);
    }
    assert_int_equal(limit(f, "u", "c"), NO_LIMIT);
    assert_false(quota_is_on(&f->quotas, QUOTA_PRODUCE));
}

static void a_quota_is_for_its_entity_alone(void **state)
{
    struct fixture *f = *state;
    set(f, "u", "c", 5);
    set(f, NULL, "d", 6);
    assert_int_equal(limit(f, "u", "c"), 5);
    assert_int_equal(limit(f, "v", "c"), NO_LIMIT);
    assert_int_equal(limit(f, "u", "d"), 6);
    assert_int_equal(limit(f, "v", "d"), 6);
    assert_int_equal(limit(f, "u", "e"), NO_LIMIT);
    assert_false(quota_is_on(&f->quotas, QUOTA_FETCH));
}

/* Kafka's surprise: the default of client ids is not for a client without one. */
static void a_client_without_id_has_no_quota_of_client_ids(void **state)
{
    struct fixture *f = *state;
    set(f, NULL, "*", 5);
    assert_int_equal(limit(f, "u", NULL), NO_LIMIT);
    assert_int_equal(limit(f, "u", ""), NO_LIMIT);
    set(f, "*", NULL, 7);
    assert_int_equal(limit(f, "u", NULL), 7);
}

static struct quota_client client_of(const char *client_id)
{
    return (struct quota_client){kp_string_of("u"), kp_string_of(client_id)};
}

static void clients_of_one_user_share_its_quota(void **state)
{
    struct fixture *f = *state;
    set(f, "u", NULL, 100);
    assert_int_equal(quota_record(&f->quotas, QUOTA_PRODUCE, client_of("a"), 1000, f->now_ms), 0);
    assert_int_equal(quota_record(&f->quotas, QUOTA_PRODUCE, client_of("b"), 500, f->now_ms), 5000);
}

static void clients_of_a_default_have_one_each(void **state)
{
    struct fixture *f = *state;
    set(f, NULL, "*", 100);
    assert_int_equal(quota_record(&f->quotas, QUOTA_PRODUCE, client_of("a"), 1000, f->now_ms), 0);
    assert_int_equal(quota_record(&f->quotas, QUOTA_PRODUCE, client_of("b"), 1000, f->now_ms), 0);
    assert_int_equal(quota_record(&f->quotas, QUOTA_PRODUCE, client_of("b"), 500, f->now_ms), 5000);
}

/* What was counted under an old quota counts under the new one. */
static void a_changed_quota_takes_effect_at_once(void **state)
{
    struct fixture *f = *state;
    set(f, NULL, "a", 100);
    assert_int_equal(quota_record(&f->quotas, QUOTA_PRODUCE, client_of("a"), 1000, f->now_ms), 0);
    set(f, NULL, "a", 50);
    assert_int_equal(quota_record(&f->quotas, QUOTA_PRODUCE, client_of("a"), 0, f->now_ms), 10000);
    set(f, NULL, "a", 1000);
    assert_int_equal(quota_record(&f->quotas, QUOTA_PRODUCE, client_of("a"), 0, f->now_ms), 0);
}

static void what_is_taken_back_does_not_count(void **state)
{
    struct fixture *f = *state;
    set(f, NULL, "a", 100);
    assert_int_equal(quota_record(&f->quotas, QUOTA_PRODUCE, client_of("a"), 2000, f->now_ms), 10000);
    quota_unrecord(&f->quotas, QUOTA_PRODUCE, client_of("a"), 2000, f->now_ms);
    assert_int_equal(quota_record(&f->quotas, QUOTA_PRODUCE, client_of("a"), 1000, f->now_ms), 0);
}

/* However many client ids peers make up, no more than QUOTA_SENSORS_MAX are remembered, the latest. */
static void sensors_are_bounded(void **state)
{
    struct fixture *f = *state;
    char name[16];
    set(f, NULL, "*", 100);
    for (int i = 0; i < QUOTA_SENSORS_MAX + 10; i++) {
        snprintf(name, sizeof name, "c%d", i);
        quota_record(&f->quotas, QUOTA_PRODUCE, client_of(name), 2000, f->now_ms);
    }
    assert_int_equal(f->quotas.managers[QUOTA_PRODUCE].sensors.count, QUOTA_SENSORS_MAX);
    assert_int_equal(quota_record(&f->quotas, QUOTA_PRODUCE, client_of(name), 0, f->now_ms), 10000);
    assert_int_equal(quota_record(&f->quotas, QUOTA_PRODUCE, client_of("c0"), 0, f->now_ms), 0);
}

static void sensors_are_forgotten_after_an_hour(void **state)
{
    struct fixture *f = *state;
    set(f, NULL, "*", 100);
    quota_record(&f->quotas, QUOTA_PRODUCE, client_of("a"), 2000, f->now_ms);
    quota_record(&f->quotas, QUOTA_PRODUCE, client_of("b"), 2000, f->now_ms);
    quota_record(&f->quotas, QUOTA_PRODUCE, client_of("c"), 2000, f->now_ms + 60 * 60 * 1000 + 1);
    assert_int_equal(f->quotas.managers[QUOTA_PRODUCE].sensors.count, 1);
}

/* ---- what clients are told and kept from ---------------------------------------------------------------------------- */

static int broker_setup(void **state)
{
    struct broker_fixture *f = xcalloc(1, sizeof *f);
    broker_fixture_init(f);
    broker_fixture_open(f);
    *state = f;
    return 0;
}

static int broker_teardown(void **state)
{
    struct broker_fixture *f = *state;
    if (f->broker != NULL)
        broker_fixture_close(f);
    broker_fixture_release(f);
    free(f);
    return 0;
}

/* Set, or with 0 remove, a quota of the client id that test peers have. */
static void alter(struct test_peer *peer, const char *key, double value)
{
    struct kp_alter_client_quotas_request_entries_entity entity = {kp_string_of("client-id"), kp_string_of("test")};
    struct kp_alter_client_quotas_request_entries_ops op = {kp_string_of(key), value, value == 0};
    struct kp_alter_client_quotas_request_entries entry = {
        .entity = &entity, .entity_count = 1, .ops = &op, .ops_count = 1};
    struct kp_alter_client_quotas_request request = {.entries = &entry, .entries_count = 1};
    struct kp_alter_client_quotas_response response;
    test_peer_ask(peer, KP_API_ALTER_CLIENT_QUOTAS, 1, &request, &response);
    assert_int_equal(response.entries[0].error_code, KAFKA_NONE);
}

/* Ask for nothing. Returns what the answer says of throttling. */
static int32_t ask(struct test_peer *peer)
{
    struct kp_metadata_request request = kp_metadata_request_default;
    struct kp_metadata_response response;
    request.topics_count = 0;
    test_peer_ask(peer, KP_API_METADATA, 12, &request, &response);
    return response.throttle_time_ms;
}

/* KIP-219: the produce is done and answered at once; nothing of that connection starts until the time is over, and
 * another one of the client is free. */
static void a_throttled_connection_is_mute_for_its_time(void **state)
{
    struct broker_fixture *f = *state;
    struct test_peer peer, other;
    test_peer_open(&peer, f);
    test_peer_open(&other, f);
    assert_int_equal(test_create_topic(&peer, "t", 1), KAFKA_NONE);
    alter(&peer, "producer_byte_rate", 1000);
    assert_int_equal(test_produce(&peer, "t", 0, 200), KAFKA_NONE); /* above 20,000 bytes where 10,000 are allowed */
    assert_false(peer_may_start(&peer.peer));
    assert_true(peer_may_start(&other.peer));
    assert_true(f->env.wake_ms <= f->env.now.mono_ms + 12000);
    broker_fixture_advance(f, 10000);
    assert_false(peer_may_start(&peer.peer));
    broker_fixture_advance(f, 3000);
    assert_true(peer_may_start(&peer.peer));
    assert_int_equal(ask(&peer), 0);
    test_peer_close(&peer);
    test_peer_close(&other);
}

/* Its timer goes with it. */
static void a_mute_connection_may_go(void **state)
{
    struct broker_fixture *f = *state;
    struct test_peer peer, other;
    test_peer_open(&peer, f);
    test_peer_open(&other, f);
    peer_mute(&peer.peer, 5000);
    peer_mute(&peer.peer, 100); /* the longer one counts */
    broker_fixture_advance(f, 1000);
    assert_false(peer_may_start(&peer.peer));
    test_peer_close(&peer);
    broker_fixture_advance(f, 10000);
    assert_int_equal(ask(&other), 0);
    test_peer_close(&other);
}

/* A second's time in each of ten windows is 100 percent; more than 10 percent is answered with a wait of one window at
 * most. */
static void the_time_of_handlers_counts(void **state)
{
    struct broker_fixture *f = *state;
    struct test_peer peer;
    test_peer_open(&peer, f);
    alter(&peer, "request_percentage", 10);
    f->env.work_ns = 400 * 1000000; /* 40 percent seconds each */
    assert_int_equal(ask(&peer), 0);
    assert_int_equal(ask(&peer), 0);
    assert_int_equal(ask(&peer), 1000); /* 120 in ten seconds: would be 2000 */
    broker_fixture_advance(f, 1000);
    f->env.work_ns = 0;
    assert_int_equal(ask(&peer), 1000); /* 120 in ten seconds still */
    broker_fixture_advance(f, 11000);
    assert_int_equal(ask(&peer), 0);
    test_peer_close(&peer);
}

/* What was not told is not lost: the next fetch of the session brings it. */
static void a_throttled_fetch_is_empty_and_counts_for_nothing(void **state)
{
    struct broker_fixture *f = *state;
    struct test_peer peer;
    struct kp_fetch_request_topics_partitions partition = kp_fetch_request_topics_partitions_default;
    struct kp_fetch_request_topics topic = test_fetch_topic("t", &partition);
    struct kp_fetch_request request = kp_fetch_request_default;
    struct kp_fetch_response response;
    test_peer_open(&peer, f);
    assert_int_equal(test_create_topic(&peer, "t", 1), KAFKA_NONE);
    assert_int_equal(test_produce(&peer, "t", 0, 100), KAFKA_NONE);
    alter(&peer, "consumer_byte_rate", 1000);
    partition.partition_max_bytes = 1000000;
    request.topics = &topic;
    request.topics_count = 1;
    request.max_bytes = 1000000;
    request.session_epoch = 0;
    test_peer_ask(&peer, KP_API_FETCH, 11, &request, &response);
    assert_true(response.throttle_time_ms > 0);
    assert_int_equal(response.responses_count, 0);
    assert_int_equal(response.session_id, 0);
    broker_fixture_advance(f, response.throttle_time_ms);
    alter(&peer, "consumer_byte_rate", 1500); /* enough for it once, not twice */
    test_peer_ask(&peer, KP_API_FETCH, 11, &request, &response);
    assert_int_equal(response.throttle_time_ms, 0);
    assert_true(response.session_id != 0);
    assert_true(response.responses[0].partitions[0].records.size > 10000);
    test_peer_close(&peer);
}

/* Quotas are in the metadata log. */
static void quotas_survive_a_restart(void **state)
{
    struct broker_fixture *f = *state;
    struct test_peer peer;
    test_peer_open(&peer, f);
    alter(&peer, "request_percentage", 10);
    alter(&peer, "producer_byte_rate", 10);
    alter(&peer, "producer_byte_rate", 0);
    test_peer_close(&peer);
    broker_fixture_close(f);
    broker_fixture_open(f);
    assert_true(quota_is_on(&f->broker->quotas, QUOTA_REQUEST));
    assert_false(quota_is_on(&f->broker->quotas, QUOTA_PRODUCE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sample_ends_with_its_window),
        cmocka_unit_test(rates_are_those_of_kafka),
        cmocka_unit_test(tokens_are_those_of_kafka),
        cmocka_unit_test(a_wait_beyond_an_int_is_the_longest),
        cmocka_unit_test_setup_teardown(the_most_specific_quota_applies, setup, teardown),
        cmocka_unit_test_setup_teardown(a_quota_is_for_its_entity_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(a_client_without_id_has_no_quota_of_client_ids, setup, teardown),
        cmocka_unit_test_setup_teardown(clients_of_one_user_share_its_quota, setup, teardown),
        cmocka_unit_test_setup_teardown(clients_of_a_default_have_one_each, setup, teardown),
        cmocka_unit_test_setup_teardown(a_changed_quota_takes_effect_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_taken_back_does_not_count, setup, teardown),
        cmocka_unit_test_setup_teardown(sensors_are_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(sensors_are_forgotten_after_an_hour, setup, teardown),
        cmocka_unit_test_setup_teardown(a_throttled_connection_is_mute_for_its_time, broker_setup, broker_teardown),
        cmocka_unit_test_setup_teardown(a_mute_connection_may_go, broker_setup, broker_teardown),
        cmocka_unit_test_setup_teardown(the_time_of_handlers_counts, broker_setup, broker_teardown),
        cmocka_unit_test_setup_teardown(a_throttled_fetch_is_empty_and_counts_for_nothing, broker_setup,
                                        broker_teardown),
        cmocka_unit_test_setup_teardown(quotas_survive_a_restart, broker_setup, broker_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
