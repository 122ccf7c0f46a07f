/* Which quota applies to a client, and the sensors. See quota.h.
 *
 * Levels, limits and what sensors are named by follow org.apache.kafka.server.quota.ClientQuotaManager, with its two
 * surprises: with quotas on one level alone clients are told apart by that level, whether or not they have a quota; and
 * a client without id has no quota that is set for client ids. */
#include "quota.h"

#include "limits.h"

#include <string.h>

/* Kafka's: a sensor that was not used for so long forgets. */
#define SENSOR_EXPIRES_MS (60 * 60 * 1000)

#define UNLIMITED ((double)INT64_MAX)

#define LEVEL_CLIENT_ID      1u
#define LEVEL_USER           2u
#define LEVEL_USER_CLIENT_ID 4u

static const char *const KEYS[QUOTA_KINDS] = {
    [QUOTA_PRODUCE] = "producer_byte_rate",
    [QUOTA_FETCH] = "consumer_byte_rate",
    [QUOTA_REQUEST] = "request_percentage",
    [QUOTA_MUTATION] = "controller_mutation_rate",
};

struct quota_sensor {
    struct hash_node node; /* in manager->sensors, by its names */
    struct list by_use;    /* in manager->by_use */
    int64_t used_ms;
    uint32_t version; /* of the values that the limit is of */
    double limit;
    union {
        struct quota_rate rate;
        struct quota_bucket bucket; /* QUOTA_MUTATION */
    };
    struct quota_client client; /* whom it counts for; an empty name: any. In `names` */
    char names[];
};

void quotas_init(struct quotas *quotas, const struct client_quotas *values, const struct quota_windows *windows,
                 const struct quota_windows *mutation_windows, uint64_t seed)
{
    *quotas = (struct quotas){.values = values, .version = values->version - 1};
    for (int kind = 0; kind < QUOTA_KINDS; kind++) {
        struct quota_manager *manager = &quotas->managers[kind];
        manager->windows = kind == QUOTA_MUTATION ? *mutation_windows : *windows;
        hash_map_init(&manager->sensors, seed);
        list_init(&manager->by_use);
    }
}

static void sensor_free(struct quotas *quotas, enum quota_kind kind, struct quota_sensor *sensor)
{
    hash_map_remove(&quotas->managers[kind].sensors, &sensor->node);
    list_remove(&sensor->by_use);
    if (kind != QUOTA_MUTATION)
        quota_rate_release(&sensor->rate);
    free(sensor);
}

void quotas_release(struct quotas *quotas)
{
    for (int kind = 0; kind < QUOTA_KINDS; kind++) {
        struct quota_manager *manager = &quotas->managers[kind];
        list_for_each (&manager->by_use, node)
            sensor_free(quotas, (enum quota_kind)kind, CONTAINER_OF(node, struct quota_sensor, by_use));
        hash_map_release(&manager->sensors);
    }
}

/* ---- which quota applies -------------------------------------------------------------------------------------------- */

static unsigned level_of(const struct client_quota_entity *entity)
{
    bool user = client_quota_part(entity, QUOTA_PART_USER) != NULL;
    bool client_id = client_quota_part(entity, QUOTA_PART_CLIENT_ID) != NULL;
    return user && client_id ? LEVEL_USER_CLIENT_ID : user ? LEVEL_USER : client_id ? LEVEL_CLIENT_ID : 0;
}

static void find_levels(struct quotas *quotas)
{
    for (int kind = 0; kind < QUOTA_KINDS; kind++)
        quotas->managers[kind].levels = 0;
    const struct client_quota_entity *entity = NULL;
    while ((entity = client_quotas_next(quotas->values, entity)) != NULL) {
        for (int kind = 0; kind < QUOTA_KINDS; kind++) {
            if (client_quota_get(entity, kp_string_of(KEYS[kind])) != NULL)
                quotas->managers[kind].levels |= level_of(entity);
        }
    }
    quotas->version = quotas->values->version;
}

bool quota_is_on(struct quotas *quotas, enum quota_kind kind)
{
    if (quotas->version != quotas->values->version)
        find_levels(quotas);
    return quotas->managers[kind].levels != 0;
}

static const struct kp_string ANY = {NULL, -1}, NO_PART = {"", 0};

/* What is set for exactly this entity: a name, ANY for the default, or NO_PART. */
static const double *limit_of(const struct quotas *quotas, enum quota_kind kind, struct kp_string user,
                              struct kp_string client_id)
{
    quota_part parts[2];
    int32_t count = 0;
    if (user.size != 0)
        parts[count++] = (quota_part){.entity_type = kp_string_of(QUOTA_PART_USER), .entity_name = user};
    if (client_id.size != 0)
        parts[count++] = (quota_part){.entity_type = kp_string_of(QUOTA_PART_CLIENT_ID), .entity_name = client_id};
    return client_quota_get(client_quotas_find(quotas->values, parts, count), kp_string_of(KEYS[kind]));
}

/* The names of the sensor that counts for a client. */
static struct quota_client counted_as(const struct quotas *quotas, enum quota_kind kind, struct quota_client client)
{
    const struct quota_client as_user = {client.user, NO_PART}, as_client = {NO_PART, client.client_id};
    switch (quotas->managers[kind].levels) {
    case LEVEL_CLIENT_ID:
        return as_client;
    case LEVEL_USER:
        return as_user;
    case LEVEL_USER_CLIENT_ID:
        return client;
    }
    bool named = client.client_id.size > 0;
    if (named && limit_of(quotas, kind, client.user, client.client_id) != NULL)
        return client;
    if (limit_of(quotas, kind, client.user, ANY) != NULL)
        return client;
    if (limit_of(quotas, kind, client.user, NO_PART) != NULL)
        return as_user;
    if (named && limit_of(quotas, kind, ANY, client.client_id) != NULL)
        return client;
    if (limit_of(quotas, kind, ANY, ANY) != NULL)
        return client;
    return limit_of(quotas, kind, ANY, NO_PART) != NULL ? as_user : as_client;
}

/* The limit of a sensor with these names. */
static double sensor_limit(const struct quotas *quotas, enum quota_kind kind, struct quota_client names)
{
    const double *limit = NULL;
    if (names.user.size > 0 && names.client_id.size > 0) {
        const struct quota_client order[] = {
            {names.user, names.client_id},
            {names.user, ANY            },
            {ANY,        names.client_id},
            {ANY,        ANY            }
        };
        for (size_t i = 0; i < COUNT_OF(order) && limit == NULL; i++)
            limit = limit_of(quotas, kind, order[i].user, order[i].client_id);
    } else if (names.user.size > 0) {
        limit = limit_of(quotas, kind, names.user, NO_PART);
        limit = limit != NULL ? limit : limit_of(quotas, kind, ANY, NO_PART);
    } else if (names.client_id.size > 0) {
        limit = limit_of(quotas, kind, NO_PART, names.client_id);
        limit = limit != NULL ? limit : limit_of(quotas, kind, NO_PART, ANY);
    }
    return limit != NULL ? *limit : UNLIMITED;
}

/* ---- sensors -------------------------------------------------------------------------------------------------------- */

static uint64_t hash_of(const struct hash_map *map, struct quota_client names)
{
    return hash_bytes(map, names.user.data, (size_t)names.user.size) * 31 +
           hash_bytes(map, names.client_id.data, (size_t)names.client_id.size);
}

/* Drop the sensors that were not used for long, and one when there are too many. */
static void make_room(struct quotas *quotas, enum quota_kind kind, int64_t now_ms)
{
    struct quota_manager *manager = &quotas->managers[kind];
    while (!list_empty(&manager->by_use)) {
        struct quota_sensor *oldest = CONTAINER_OF(manager->by_use.next, struct quota_sensor, by_use);
        if (manager->sensors.count < QUOTA_SENSORS_MAX && now_ms - oldest->used_ms <= SENSOR_EXPIRES_MS)
            break;
        sensor_free(quotas, kind, oldest);
    }
}

static struct quota_sensor *sensor_new(struct quotas *quotas, enum quota_kind kind, struct quota_client names,
                                       uint64_t hash, int64_t now_ms)
{
    struct quota_manager *manager = &quotas->managers[kind];
    make_room(quotas, kind, now_ms);
    size_t user_size = (size_t)names.user.size, client_id_size = (size_t)names.client_id.size;
    struct quota_sensor *sensor = xcalloc(1, sizeof *sensor + user_size + client_id_size);
    if (user_size > 0)
        memcpy(sensor->names, names.user.data, user_size);
    if (client_id_size > 0)
        memcpy(sensor->names + user_size, names.client_id.data, client_id_size);
    sensor->client.user = (struct kp_string){sensor->names, names.user.size};
    sensor->client.client_id = (struct kp_string){sensor->names + user_size, names.client_id.size};
    sensor->used_ms = now_ms;
    sensor->version = quotas->version - 1;
    list_init(&sensor->by_use);
    list_append(&manager->by_use, &sensor->by_use);
    hash_map_insert(&manager->sensors, &sensor->node, hash);
    return sensor;
}

static struct quota_sensor *sensor_find(const struct quota_manager *manager, struct quota_client names, uint64_t hash)
{
    for (struct hash_node *node = hash_map_first(&manager->sensors, hash); node != NULL; node = hash_node_next(node)) {
        struct quota_sensor *sensor = CONTAINER_OF(node, struct quota_sensor, node);
        if (kp_string_equal(sensor->client.user, names.user) &&
            kp_string_equal(sensor->client.client_id, names.client_id))
            return sensor;
    }
    return NULL;
}

/* The sensor that counts for a client, with its limit as it is now. */
static struct quota_sensor *sensor_of(struct quotas *quotas, enum quota_kind kind, struct quota_client client,
                                      int64_t now_ms)
{
    struct quota_manager *manager = &quotas->managers[kind];
    if (client.client_id.size < 0)
        client.client_id = NO_PART;
    struct quota_client names = counted_as(quotas, kind, client);
    uint64_t hash = hash_of(&manager->sensors, names);
    struct quota_sensor *sensor = sensor_find(manager, names, hash);
    if (sensor != NULL && now_ms - sensor->used_ms > SENSOR_EXPIRES_MS) {
        sensor_free(quotas, kind, sensor);
        sensor = NULL;
    }
    if (sensor == NULL)
        sensor = sensor_new(quotas, kind, names, hash, now_ms);
    if (sensor->version != quotas->version) {
        sensor->limit = sensor_limit(quotas, kind, names);
        sensor->version = quotas->version;
    }
    return sensor;
}

static void used(struct quota_manager *manager, struct quota_sensor *sensor, int64_t now_ms)
{
    sensor->used_ms = now_ms;
    list_remove(&sensor->by_use);
    list_append(&manager->by_use, &sensor->by_use);
}

/* ---- counting ------------------------------------------------------------------------------------------------------- */

int32_t quota_record(struct quotas *quotas, enum quota_kind kind, struct quota_client client, double value,
                     int64_t now_ms)
{
    if (!quota_is_on(quotas, kind))
        return 0;
    struct quota_manager *manager = &quotas->managers[kind];
    struct quota_sensor *sensor = sensor_of(quotas, kind, client, now_ms);
    used(manager, sensor, now_ms);
    quota_rate_record(&sensor->rate, &manager->windows, value, now_ms);
    int32_t throttle_ms = quota_rate_throttle_ms(&sensor->rate, &manager->windows, sensor->limit, now_ms);
    if (kind == QUOTA_REQUEST && throttle_ms > manager->windows.size_ms)
        throttle_ms = (int32_t)manager->windows.size_ms;
    return throttle_ms;
}

void quota_unrecord(struct quotas *quotas, enum quota_kind kind, struct quota_client client, double value,
                    int64_t now_ms)
{
    if (quota_is_on(quotas, kind))
        quota_rate_record(&sensor_of(quotas, kind, client, now_ms)->rate, &quotas->managers[kind].windows, -value,
                          now_ms);
}

int32_t quota_value_max(struct quotas *quotas, enum quota_kind kind, struct quota_client client, int64_t now_ms)
{
    if (!quota_is_on(quotas, kind))
        return INT32_MAX;
    const struct quota_windows *windows = &quotas->managers[kind].windows;
    double most =
        sensor_of(quotas, kind, client, now_ms)->limit * (windows->samples - 1) * ((double)windows->size_ms / 1000);
    return most < INT32_MAX ? (int32_t)most : INT32_MAX;
}

bool quota_take(struct quotas *quotas, struct quota_client client, bool strict, int32_t permits, int64_t now_ms,
                int32_t *throttle_ms)
{
    if (!quota_is_on(quotas, QUOTA_MUTATION))
        return true;
    struct quota_manager *manager = &quotas->managers[QUOTA_MUTATION];
    struct quota_sensor *sensor = sensor_of(quotas, QUOTA_MUTATION, client, now_ms);
    int32_t owed_ms = 0;
    if (strict)
        owed_ms = quota_bucket_throttle_ms(&sensor->bucket, &manager->windows, sensor->limit, now_ms);
    bool taken = owed_ms == 0;
    if (taken) {
        used(manager, sensor, now_ms);
        quota_bucket_record(&sensor->bucket, &manager->windows, sensor->limit, permits, now_ms);
        if (!strict)
            owed_ms = quota_bucket_throttle_ms(&sensor->bucket, &manager->windows, sensor->limit, now_ms);
    }
    if (owed_ms > *throttle_ms)
        *throttle_ms = owed_ms;
    return taken;
}
