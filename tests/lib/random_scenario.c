/* See random_scenario.h; what scenarios are made of stands in random_tables.c.
 *
 * A scenario has a theme, topics, a beginning and requests to the APIs of its theme. Requests are made from the tables
 * of their messages, field by field: what a field of that name may hold stands in the tables, mostly right and
 * sometimes a little wrong; places are told by their position in lists; others hold small numbers. */
#include "random_scenario.h"

#include "random_tables.h"

#include <inttypes.h>
#include <string.h>

struct dice {
    uint64_t state;
};

/* splitmix64 */
static uint64_t roll(struct dice *dice)
{
    uint64_t mixed = dice->state += UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ mixed >> 31;
}

static size_t below(struct dice *dice, size_t bound)
{
    return (size_t)(roll(dice) % bound);
}

/* The place of one of `count` rows of `row_bytes`, each of which comes as often as its weight says; that of the first
 * row is at `weight`. */
static size_t by_weight(struct dice *dice, const size_t *weight, size_t row_bytes, size_t count)
{
    const char *first = (const char *)weight;
    size_t sum = 0, chosen = 0;
    for (size_t i = 0; i < count; i++)
        sum += *(const size_t *)(first + i * row_bytes);
    for (size_t at = below(dice, sum); at >= *(const size_t *)(first + chosen * row_bytes); chosen++)
        at -= *(const size_t *)(first + chosen * row_bytes);
    return chosen;
}

static bool one_in(struct dice *dice, size_t count)
{
    return below(dice, count) == 0;
}

struct making {
    FILE *file;
    struct dice dice;
    const struct theme *theme;
    const struct asked_api *asked;
    const struct api_rule *rule;
    int16_t version;
    int16_t session_version; /* of the requests of the fetch session */
    int32_t session_epoch;   /* the next one */
    bool is_next_of_session; /* the request is what the session waits for */
    bool by_name, by_id;     /* how the topic of the struct at hand is told, where it may be told in both ways */
};

/* Of the row's choices, mostly a usual one. */
static const char *choose(struct making *making, const struct field_choices *row)
{
    size_t count = 0;
    while (count < RANDOM_CHOICES_MAX && row->choices[count])
        count++;
    return row->choices[below(&making->dice, one_in(&making->dice, 5) ? count : row->usual)];
}

static const struct field_choices *choices_of(const struct making *making, const char *field)
{
    return random_choices(making->theme, making->asked ? making->asked->name : "", field);
}

static void put_choice(struct making *making, const char *field)
{
    fputs(choose(making, choices_of(making, field)), making->file);
}

static bool is_one_of(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* ---- fields ------------------------------------------------------------------------------------------------------- */

/* Kafka fails inside when a Fetch names two partitions by the zero id. */
static void put_topic_id(struct making *making, int32_t position)
{
    static const char *const zero = "\"AAAAAAAAAAAAAAAAAAAAAA\"", *const unknown = "\"AAAAAAAAAAAAAAAAAAAABA\"";
    bool zero_too = strcmp(making->asked->name, "Fetch") != 0;
    if (!making->by_id || (zero_too && one_in(&making->dice, 24)))
        fputs(zero, making->file);
    else if (!position && one_in(&making->dice, 12))
        fputs(unknown, making->file);
    else
        fputs(position ? "$u_id" : "$t_id", making->file);
}

static void put_topic_name(struct making *making, int32_t position)
{
    static const char *const wrong[] = {"\"$unique-none\"", "\"\"", "\"a b\""};
    if (!making->by_name)
        fputs("null", making->file);
    else if (one_in(&making->dice, 12))
        fputs(wrong[position ? 0 : below(&making->dice, 2) + 1], making->file);
    else
        fputs(position ? "$u" : "$t", making->file);
}

/* Of the item at `position` of its list: no topic and no partition comes twice, unless the API's rule has it. False:
 * the field is none of these. */
static bool put_place(struct making *making, const struct kp_field *field, int32_t position)
{
    static const char *const topics[] = {"topic", "name", "topic_names", "topics", "resource_name"};
    static const char *const partitions[] = {"partition",         "partition_index", "index",       "partition_indexes",
                                             "partition_indices", "partitions",      "partition_id"};
    static const int32_t wrong[] = {7, -1};
    if (making->rule->repeats && position && one_in(&making->dice, 8))
        position--;
    if (field->type == KP_UUID)
        put_topic_id(making, position);
    else if (field->type == KP_STRING && is_one_of(field->name, topics, COUNT_OF(topics)))
        put_topic_name(making, position);
    else if (field->type == KP_INT32 && is_one_of(field->name, partitions, COUNT_OF(partitions)))
        fprintf(making->file, "%d", one_in(&making->dice, 12) ? wrong[position % 2] : position);
    else
        return false;
    return true;
}

static void put_batches(struct making *making)
{
    static const char *const odd[] = {"[]", "[x\"00\"]"};
    if (one_in(&making->dice, 40)) {
        fputs(odd[below(&making->dice, COUNT_OF(odd))], making->file);
        return;
    }
    int32_t count = one_in(&making->dice, 20) ? 2 : 1;
    for (int32_t i = 0; i < count; i++) {
        fputs(i ? ", {" : "[{", making->file);
        put_choice(making, "batch.codec");
        put_choice(making, "batch.producer");
        put_choice(making, "batch.attributes");
        put_choice(making, "batch.damage");
        fputs("records: ", making->file);
        put_choice(making, "batch.records");
        fputc('}', making->file);
    }
    fputc(']', making->file);
}

static void put_struct(struct making *making, const struct kp_schema *schema, int32_t position);

static void put_one(struct making *making, const struct kp_field *field, const struct field_choices *choices,
                    int32_t position)
{
    if (choices) {
        fputs(choose(making, choices), making->file);
        return;
    }
    if (put_place(making, field, position))
        return;
    switch (field->type) {
    case KP_STRUCT:
        put_struct(making, field->schema, position);
        break;
    case KP_BOOL:
        fputs(one_in(&making->dice, 2) ? "true" : "false", making->file);
        break;
    case KP_STRING:
        fputs(one_in(&making->dice, 4) ? "\"\"" : "\"x\"", making->file);
        break;
    case KP_BYTES:
        fputs("x\"00\"", making->file);
        break;
    case KP_RECORDS:
        put_batches(making);
        break;
    default:
        fprintf(making->file, "%d", (int)below(&making->dice, 4) - 1);
        break;
    }
}

/* What goes by the request as a whole. False: the field does not. */
static bool put_of_request(struct making *making, const struct kp_field *field)
{
    if (making->asked->unanswered && strcmp(field->name, "acks") == 0)
        fputc('0', making->file);
    else if (making->is_next_of_session && strcmp(field->name, "session_id") == 0)
        fputs("$session", making->file);
    else if (making->is_next_of_session && strcmp(field->name, "session_epoch") == 0)
        fprintf(making->file, "%d", making->session_epoch++);
    else
        return false;
    return true;
}

static void put_field(struct making *making, const struct kp_field *field, int32_t position)
{
    if (put_of_request(making, field))
        return;
    const struct field_choices *choices = choices_of(making, field->name);
    bool whole = choices && (choices->choices[0][0] == '[' || strcmp(choices->choices[0], "null") == 0);
    if (!field->array || whole) {
        put_one(making, field, choices, position);
        return;
    }
    if (kp_versions_has(field->nullable, making->version) && one_in(&making->dice, 10)) {
        fputs("null", making->file);
        return;
    }
    /* no two may be the same, and Kafka never answers to no transaction, nor always to two markers of one producer */
    static const char *const alone[] = {"transactions", "markers", "feature_updates"};
    bool one = is_one_of(field->name, alone, COUNT_OF(alone));
    int32_t count = one ? 1 : one_in(&making->dice, 12) ? 0 : one_in(&making->dice, 4) ? 2 : 1;
    fputc('[', making->file);
    for (int32_t i = 0; i < count; i++) {
        if (i > 0)
            fputs(", ", making->file);
        put_one(making, field, choices, i);
    }
    fputc(']', making->file);
}

/* A topic that may be told by name or by id is told in one way, and seldom in both. */
static void choose_telling(struct making *making, const struct kp_schema *schema)
{
    bool has_id = false, has_nullable_name = false;
    for (uint16_t i = 0; i < schema->fields_count; i++) {
        const struct kp_field *field = &schema->fields[i];
        has_id |= field->type == KP_UUID && kp_versions_has(field->versions, making->version);
        has_nullable_name |= strcmp(field->name, "name") == 0 && kp_versions_has(field->nullable, making->version);
    }
    making->by_name = making->by_id = true;
    if (!has_id || !has_nullable_name || one_in(&making->dice, 10))
        return;
    making->by_id = one_in(&making->dice, 2);
    making->by_name = !making->by_id;
}

/* The topic of an item is told by its position there, so that its partitions are of that topic. */
static void put_struct(struct making *making, const struct kp_schema *schema, int32_t position)
{
    const char *between = "";
    choose_telling(making, schema);
    fputc('{', making->file);
    for (uint16_t i = 0; i < schema->fields_count; i++) {
        const struct kp_field *field = &schema->fields[i];
        if (!kp_versions_has(field->versions, making->version))
            continue;
        fprintf(making->file, "%s%s: ", between, field->name);
        put_field(making, field, position);
        between = ", ";
    }
    fputc('}', making->file);
}

/* ---- steps -------------------------------------------------------------------------------------------------------- */

static int16_t random_version(struct making *making, struct kp_versions versions)
{
    return (int16_t)(versions.first + (int16_t)below(&making->dice, (size_t)(versions.last - versions.first) + 1));
}

static void put_request(struct making *making, const struct kp_api *api, struct kp_versions versions)
{
    bool is_fetch = api->key == KP_API_FETCH;
    making->is_next_of_session = making->theme->in_session && is_fetch && !one_in(&making->dice, 5);
    making->version = making->is_next_of_session ? making->session_version : random_version(making, versions);
    fprintf(making->file, "  %s%s%s v%d ", one_in(&making->dice, 4) ? "B: " : "",
            making->asked->unanswered ? "send " : "", api->name, making->version);
    put_struct(making, api->request, 0);
    fputs(making->asked->unanswered ? " unanswered\n" : "\n", making->file);
    if (making->rule->picks)
        fputs(making->rule->picks, making->file);
    if (making->asked->goes_on)
        fputs("  pass 300 ms\n", making->file);
}

/* One step, of whatever API of the theme; false when the broker does not serve it. */
static bool put_step(struct making *making, const struct kp_versions *advertised)
{
    const struct asked_api *apis = making->theme->apis;
    making->asked = &apis[by_weight(&making->dice, &apis->weight, sizeof *apis, making->theme->apis_count)];
    making->rule = random_api_rule(making->asked->name);
    const struct kp_api *api = player_api(making->asked->name);
    struct kp_versions versions = advertised[api - kp_apis];
    if (versions.first < api->versions.first)
        versions.first = api->versions.first;
    if (versions.first < making->rule->first_version)
        versions.first = making->rule->first_version;
    if (versions.first <= versions.last)
        put_request(making, api, versions);
    return versions.first <= versions.last;
}

static void put_beginning(struct making *making, uint64_t seed)
{
    fprintf(making->file, "scenario random-%s-%" PRIu64 "\n", making->theme->name, seed);
    put_choice(making, "scenario.topics");
    fputs("  group g\n"
          "  InitProducerId {transactional_id: null}\n"
          "    until error_code = NONE\n"
          "    bind pid = producer_id\n",
          making->file);
    put_choice(making, "scenario.opening");
    if (!making->theme->in_session)
        return;
    static const struct kp_versions with_sessions = {7, 18};
    making->session_version = random_version(making, with_sessions);
    making->session_epoch = 1;
    fprintf(making->file,
            "  Fetch v%d {session_epoch: 0, topics: [{topic: $t, topic_id: $t_id, partitions: [\n"
            "      {partition: 0, partition_max_bytes: 100000}, {partition: 1, partition_max_bytes: 100000}]},\n"
            "      {topic: $u, topic_id: $u_id, partitions: [{partition: 0, partition_max_bytes: 100000}]}]}\n"
            "    bind session = session_id\n",
            making->session_version);
}

char *random_scenario(uint64_t seed, int32_t steps, const struct kp_versions advertised[KP_APIS_COUNT])
{
    char *text = NULL;
    size_t size = 0;
    struct making making = {.file = open_memstream(&text, &size), .dice = {seed}};
    if (!making.file)
        abort();
    const struct theme *themes = random_themes;
    making.theme = &themes[by_weight(&making.dice, &themes->weight, sizeof *themes, random_themes_count)];
    put_beginning(&making, seed);
    size_t restart_at = making.theme->restarts && one_in(&making.dice, 12) ? 1 + below(&making.dice, (size_t)steps) : 0;
    while (steps > 0) {
        if ((size_t)steps == restart_at)
            fputs(one_in(&making.dice, 2) ? "  restart\n" : "  kill\n  start\n", making.file);
        steps -= put_step(&making, advertised);
    }
    if (making.theme->closing)
        fputs(making.theme->closing, making.file);
    if (fclose(making.file) != 0)
        abort();
    return text;
}
