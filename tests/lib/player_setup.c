/* Topics, groups and transactional ids that a scenario has for itself: made, and awaited, before it asks anything.
 *
 * A coordinator makes its topic when it is first asked for a key, and reads it when it starts: until then it refuses
 * with one of three codes. */
#include "player_internal.h"

#include "value_text.h"

#include <poll.h>
#include <string.h>

/* "UNIQUE-NAME" */
static const char *game_own_name(const struct game *game, const char *name)
{
    const struct value *unique = names_get(&game->names, "unique");
    return value_printf(game->arena, "%.*s-%s", (int)unique->text.size, unique->text.data, name);
}

/* ---- topics ------------------------------------------------------------------------------------------------------- */

static bool game_partition_led(struct game *game, const char *topic, int64_t partition, bool *led)
{
    struct value *answer = game_ask(game, "setup", "ListOffsets",
                                    value_printf(game->arena,
                                                 "{replica_id: -1, topics: [{name: \"%s\", partitions: "
                                                 "[{partition_index: %d, timestamp: -1}]}]}",
                                                 topic, (int)partition));
    if (!answer)
        return false;
    const struct value *code = value_at(answer, "topics[0].partitions[0].error_code");
    *led = code && kp_string_is(code->text, "NONE");
    return true;
}

static bool game_await_leaders(struct game *game, const char *topic, int64_t partitions)
{
    int64_t deadline_ms = client_mono_ms() + (game->player->kafka ? UNTIL_TIMEOUT_MS : 0);
    for (int64_t partition = 0; partition < partitions;) {
        bool led = false;
        if (!game_partition_led(game, topic, partition, &led))
            return false;
        if (led)
            partition++;
        else if (client_mono_ms() >= deadline_ms)
            return game_fail(game,
                             value_printf(game->arena, "partition %d of topic %s is not led", (int)partition, topic));
        else
            poll(NULL, 0, UNTIL_PAUSE_MS);
    }
    return true;
}

bool game_topic_step(struct game *game, const struct step *step)
{
    const char *topic = game_own_name(game, step->name);
    struct value *configs = value_new(game->arena, VALUE_LIST);
    for (const struct value *item = step->value ? step->value->first : NULL; item; item = item->next) {
        struct value *config = value_new(game->arena, VALUE_OBJECT), *text = value_copy(game->arena, item);
        value_set(config, "name", value_text(game->arena, item->key));
        if (text->type == VALUE_INT)
            text = value_text(game->arena, value_printf(game->arena, "%lld", (long long)text->number));
        value_set(config, "value", text);
        value_append(configs, config);
    }
    struct value *answer = game_ask(
        game, "setup", "CreateTopics",
        value_printf(
            game->arena,
            "{timeout_ms: 10000, topics: [{name: \"%s\", num_partitions: %d, replication_factor: 1, configs: %s}]}",
            topic, (int)step->number, value_print(game->arena, configs, 0, 0)));
    if (!answer)
        return false;
    const struct value *code = value_at(answer, "topics[0].error_code");
    if (!code || !kp_string_is(code->text, "NONE"))
        return game_fail(
            game, value_printf(game->arena, "the topic was not created: %s", value_print(game->arena, answer, 0, 0)));
    struct value *made = value_text(game->arena, topic);
    made->number = step->number;
    value_append(game->topics, made);
    names_set(&game->names, step->name, value_text(game->arena, topic));
    const struct value *id = value_at(answer, "topics[0].topic_id");
    if (id) /* brokers before topic ids tell none */
        names_set_drawn(&game->names, value_printf(game->arena, "%s_id", step->name), value_copy(game->arena, id));
    return game_await_leaders(game, topic, step->number);
}

void game_delete_topics(struct game *game)
{
    struct value *topics = value_new(game->arena, VALUE_LIST);
    for (const struct value *name = game->topics->first; name; name = name->next) {
        struct value *topic = value_new(game->arena, VALUE_OBJECT);
        value_set(topic, "name", value_copy(game->arena, name));
        value_append(topics, topic);
    }
    if (topics->first)
        game_ask(game, "setup", "DeleteTopics",
                 value_printf(game->arena, "{timeout_ms: 10000, topics: %s}", value_print(game->arena, topics, 0, 0)));
}

/* ---- groups and transactions -------------------------------------------------------------------------------------- */

/* How a coordinator is asked for a key, and then about it. */
struct coordinated {
    int key_type;
    const char *api, *field, *error;
};

static const struct coordinated groups = {0, "DescribeGroups", "groups", "groups[0].error_code"};
static const struct coordinated transactions = {1, "DescribeTransactions", "transactional_ids",
                                                "transaction_states[0].error_code"};

static bool is_one_of(const struct value *code, const char *const *names, size_t count)
{
    for (size_t i = 0; code && i < count; i++)
        if (kp_string_is(code->text, names[i]))
            return true;
    return false;
}

static bool game_coordinated(struct game *game, const struct coordinated *kind, const char *key, bool *coordinated)
{
    static const char *const not_yet[] = {"COORDINATOR_NOT_AVAILABLE", "COORDINATOR_LOAD_IN_PROGRESS",
                                          "NOT_COORDINATOR"};
    *coordinated = false;
    const char *body = value_printf(game->arena, "{key_type: %d, coordinator_keys: [\"%s\"]}", kind->key_type, key);
    struct value *answer = game_ask(game, "setup", "FindCoordinator", body);
    if (!answer)
        return false;
    if (is_one_of(value_at(answer, "coordinators[0].error_code"), not_yet, COUNT_OF(not_yet)))
        return true;
    answer = game_ask(game, "setup", kind->api, value_printf(game->arena, "{%s: [\"%s\"]}", kind->field, key));
    if (!answer)
        return false;
    *coordinated = !is_one_of(value_at(answer, kind->error), not_yet, COUNT_OF(not_yet));
    return true;
}

static bool game_await_coordinator(struct game *game, const struct coordinated *kind, const char *key)
{
    int64_t deadline_ms = client_mono_ms() + UNTIL_TIMEOUT_MS;
    for (;;) {
        bool coordinated;
        if (!game_coordinated(game, kind, key, &coordinated))
            return false;
        if (coordinated)
            return true;
        if (client_mono_ms() >= deadline_ms)
            return game_fail(game, value_printf(game->arena, "%s has no coordinator", key));
        poll(NULL, 0, UNTIL_PAUSE_MS);
    }
}

/* Kafka fetches a block of producer ids when it is first asked for one, and refuses until it has it. */
static bool game_await_producer_ids(struct game *game)
{
    int64_t deadline_ms = client_mono_ms() + (game->player->kafka ? UNTIL_TIMEOUT_MS : 0);
    for (;;) {
        struct value *answer = game_ask(game, "setup", "InitProducerId", "{transactional_id: null}");
        if (!answer)
            return false;
        const struct value *code = value_at(answer, "error_code");
        if (code && kp_string_is(code->text, "NONE"))
            return true;
        if (client_mono_ms() >= deadline_ms)
            return game_fail(game, "there are no producer ids");
        poll(NULL, 0, UNTIL_PAUSE_MS);
    }
}

bool game_coordinated_step(struct game *game, const struct step *step)
{
    bool group = step->kind == STEP_GROUP;
    if (!group && !game_await_producer_ids(game))
        return false;
    const char *key = game_own_name(game, step->name);
    value_append(group ? game->groups : game->transactions, value_text(game->arena, key));
    names_set(&game->names, step->name, value_text(game->arena, key));
    return game_await_coordinator(game, group ? &groups : &transactions, key);
}

static bool game_await_coordinators(struct game *game, const struct coordinated *kind, const struct value *keys)
{
    for (const struct value *key = keys->first; key; key = key->next)
        if (!game_await_coordinator(game, kind, key->text.data))
            return false;
    return true;
}

bool game_await_setup(struct game *game)
{
    for (const struct value *topic = game->topics->first; topic; topic = topic->next)
        if (!game_await_leaders(game, topic->text.data, topic->number))
            return false;
    return game_await_coordinators(game, &groups, game->groups) &&
           game_await_coordinators(game, &transactions, game->transactions) &&
           (!game->transactions->first || game_await_producer_ids(game));
}
