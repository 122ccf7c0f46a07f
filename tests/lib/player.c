/* The player of scenarios: one blocking client, several connections.
 *
 *     step text --names_expand--> value --message_from_value--> frame --> broker
 *     outcome <--answer_normalize-- value <--message_to_value-- frame <--
 *
 * Connections have names and open when first used. On each, answers come in the order of the requests; a queue
 * remembers what was asked, since an answer does not say its API or version. Every wait is bounded: an answer that does
 * not come in ANSWER_TIMEOUT_MS fails the scenario.
 *
 * A step that stops the broker's process ends all connections; the next use of one opens it anew. */
#include "player.h"

#include "../../protocol/header.h"
#include "answer_rules.h"
#include "coordinator_log_value.h"
#include "folder_value.h"
#include "kafka_client.h"
#include "message_value.h"
#include "player_internal.h"
#include "value_text.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>

#define ANSWER_TIMEOUT_MS 15000 /* a loaded machine is slow; nothing waits for this but a failure */
#define SETTLE_MS         60    /* how long `waiting` listens to Kafka, whose threads answer side by side */
#define CLIENT_ID         "conformance"

const struct kp_api *player_api(const char *name)
{
    for (size_t i = 0; i < KP_APIS_COUNT; i++)
        if (strcmp(kp_apis[i].name, name) == 0)
            return &kp_apis[i];
    return NULL;
}

bool game_fail(struct game *game, const char *error)
{
    if (!game->play->error)
        game->play->error = error;
    return false;
}

/* The newest version of ours that the broker serves; our newest when it serves none. */
static int16_t newest_version(const struct player *player, const struct kp_api *api)
{
    int16_t last = player->advertised[api - kp_apis].last;
    return last >= api->versions.first && last < api->versions.last ? last : api->versions.last;
}

/* ---- time -------------------------------------------------------------------------------------------------------- */

enum {
    WALL,
    MONOTONIC,
};

static volatile int64_t *game_ahead_ms(const struct game *game)
{
    return game->player->process ? game->player->process->ahead_ms : NULL;
}

int64_t game_wall_ms(const struct game *game)
{
    return client_wall_ms() + (game_ahead_ms(game) ? game_ahead_ms(game)[WALL] : 0);
}

int64_t game_mono_ms(const struct game *game)
{
    return client_mono_ms() + (game_ahead_ms(game) ? game_ahead_ms(game)[MONOTONIC] : 0);
}

static bool game_has_been_seen(struct game *game);

/* Let time pass: a broker whose clocks are ours is woken by a question, and sees that it has. */
static bool game_pass(struct game *game, int64_t ms)
{
    volatile int64_t *ahead_ms = game_ahead_ms(game);
    if (!ahead_ms) {
        poll(NULL, 0, (int)ms);
        return true;
    }
    ahead_ms[WALL] += ms;
    ahead_ms[MONOTONIC] += ms;
    return game->stopped || game_has_been_seen(game);
}

/* ---- connections ------------------------------------------------------------------------------------------------ */

/* The open connection of that name; NULL after game_fail(). */
static struct connection *game_connection(struct game *game, const char *name)
{
    struct connection *connection = game->connections;
    struct connection *end = game->connections + game->connections_count;
    while (connection < end && strcmp(connection->name, name) != 0)
        connection++;
    if (connection == end) {
        if (game->connections_count == CONNECTIONS_MAX) {
            game_fail(game, "too many connections");
            return NULL;
        }
        *connection = (struct connection){.name = name, .client.socket = -1, .client_id = kp_string_of(CLIENT_ID)};
        game->connections_count++;
    }
    if (connection->client.socket < 0) {
        connection->asked_count = 0;
        if (!kafka_client_open(&connection->client, game->player->host, game->player->port)) {
            game->player->gone = true;
            game_fail(game, value_printf(game->arena, "cannot connect: %s", strerror(errno)));
            return NULL;
        }
    }
    return connection;
}

/* Send head and body as one frame. What was closed by the broker is noticed when the answer is received. */
static void connection_send_frame(struct connection *connection, struct arena *arena, struct kp_string head,
                                  struct kp_string body)
{
    size_t size = (size_t)head.size + (size_t)body.size;
    uint8_t *frame = value_alloc(arena, 4 + size);
    store_be32(frame, (uint32_t)size);
    memcpy(frame + 4, head.data, (size_t)head.size);
    if (body.size)
        memcpy(frame + 4 + head.size, body.data, (size_t)body.size);
    kafka_client_send(&connection->client, frame, 4 + size);
}

static bool connection_remember(struct game *game, struct connection *connection, const struct kp_api *api,
                                int16_t version, int32_t correlation_id, int64_t since_mono_ms)
{
    if (connection->asked_count == ASKED_MAX)
        return game_fail(game, "too many requests without an answer");
    connection->asked[connection->asked_count++] = (struct asked){api, version, correlation_id, since_mono_ms};
    return true;
}

/* Send a request whose body holds no names. `answered`: an answer will come. */
static bool game_send(struct game *game, const char *connection_name, const struct kp_api *api, int16_t version,
                      const struct value *body, bool answered)
{
    struct kp_string bytes;
    const char *error;
    int64_t t0 = names_get(&game->names, "t0")->number;
    if (!message_from_value(api->request, version, body, t0, game->arena, &bytes, &error))
        return game_fail(game, error);
    struct connection *connection = game_connection(game, connection_name);
    if (!connection)
        return false;
    int64_t now_mono_ms = game_mono_ms(game);
    int64_t since_mono_ms = connection->sent_mono_ms > 0 ? connection->sent_mono_ms : now_mono_ms;
    connection->sent_mono_ms = now_mono_ms;
    struct kp_request_header header = {api->key, version, ++game->player->correlation_id, connection->client_id};
    size_t head_size = kp_request_header_size(&header);
    uint8_t *head = value_alloc(game->arena, head_size);
    struct kp_writer writer;
    kp_writer_init(&writer, head, head_size);
    kp_request_header_encode(&writer, &header);
    connection_send_frame(connection, game->arena, (struct kp_string){(const char *)head, (int32_t)head_size}, bytes);
    return !answered || connection_remember(game, connection, api, version, header.correlation_id, since_mono_ms);
}

static struct value *game_decode(struct game *game, const struct asked *asked, const uint8_t *frame, size_t size)
{
    struct kp_reader reader;
    kp_reader_init(&reader, frame, size);
    int32_t correlation_id;
    if (!kp_response_header_decode(&correlation_id, &reader, asked->api->key, asked->version)) {
        game_fail(game, "the answer has no header");
        return NULL;
    }
    if (correlation_id != asked->correlation_id) {
        game_fail(game, value_printf(game->arena, "the answer's correlation id is %d, not %d", correlation_id,
                                     asked->correlation_id));
        return NULL;
    }
    const char *error = NULL;
    struct value *answer =
        message_to_value(asked->api->response, asked->version, reader.at, kp_reader_left(&reader), game->arena, &error);
    if (!answer)
        game_fail(game, error);
    return answer;
}

/* Receive the oldest answer. False: none came or it makes no sense. *answer is NULL when the connection was closed. */
static bool game_receive(struct game *game, struct connection *connection, struct asked *asked, struct value **answer)
{
    *answer = NULL;
    if (!connection->asked_count)
        return game_fail(game, "nothing was asked on this connection");
    *asked = connection->asked[0];
    connection->asked_count--;
    memmove(connection->asked, connection->asked + 1, (size_t)connection->asked_count * sizeof *connection->asked);
    uint8_t *frame;
    size_t size;
    switch (kafka_client_receive(&connection->client, game->player->answer_timeout_ms, &frame, &size)) {
    case CLIENT_CLOSED:
        kafka_client_close(&connection->client);
        return true;
    case CLIENT_TIMEOUT:
        return game_fail(game, "no answer");
    case CLIENT_ERROR:
        return game_fail(game, "a frame larger than any answer");
    case CLIENT_OK:
        break;
    }
    uint8_t *kept = value_alloc(game->arena, size + 1);
    memcpy(kept, frame, size);
    free(frame);
    *answer = game_decode(game, asked, kept, size);
    return *answer != NULL;
}

struct value *game_ask(struct game *game, const char *connection, const char *api_name, const char *body_text)
{
    const struct kp_api *api = player_api(api_name);
    struct value *body = value_parse(body_text, game->arena), *answer;
    struct asked asked;
    ASSERT(body && api);
    if (!game_send(game, connection, api, newest_version(game->player, api), body, true))
        return NULL;
    if (!game_receive(game, game_connection(game, connection), &asked, &answer))
        return NULL;
    if (!answer)
        game_fail(game, value_printf(game->arena, "the connection was closed instead of an answer to %s", api_name));
    return answer;
}

/* ---- notes ------------------------------------------------------------------------------------------------------ */

static bool holds(struct value *answer, const struct step_note *note)
{
    const struct value *place = value_at(answer, note->path);
    return place && value_equal(note->value, place);
}

/* What the step waits for, but where dohle differs on purpose. */
static bool awaits(const struct game *game, const struct step *step, const struct step_note *note)
{
    if (note->kind != NOTE_UNTIL && note->kind != NOTE_EVENTUALLY)
        return false;
    for (const struct step_note *other = step->notes; other && !game->player->kafka; other = other->next)
        if (other->kind == NOTE_DIFFERS && strcmp(other->path, note->path) == 0)
            return false;
    return true;
}

static bool notes_hold(const struct game *game, struct value *answer, const struct step *step)
{
    for (const struct step_note *note = step->notes; note; note = note->next)
        if (awaits(game, step, note) && !holds(answer, note))
            return false;
    return true;
}

/* How long the step may be tried again. */
static int64_t game_patience_ms(const struct game *game, const struct step *step)
{
    bool eventually = false;
    for (const struct step_note *note = step->notes; note; note = note->next)
        eventually |= note->kind == NOTE_EVENTUALLY;
    return game->player->kafka || eventually ? UNTIL_TIMEOUT_MS : 0;
}

static bool game_check_notes(struct game *game, const struct step *step, struct value *answer)
{
    for (const struct step_note *note = step->notes; note; note = note->next) {
        bool condition = note->kind == NOTE_EXPECT || awaits(game, step, note);
        if (!condition || holds(answer, note))
            continue;
        const struct value *place = value_at(answer, note->path);
        return game_fail(game, value_printf(game->arena, "%s: expected %s, got %s", note->path,
                                            value_print(game->arena, note->value, 0, 0),
                                            place ? value_print(game->arena, place, 0, 0) : "nothing"));
    }
    return true;
}

static bool game_bind(struct game *game, const struct step *step, struct value *answer)
{
    for (const struct step_note *note = step->notes; note; note = note->next) {
        if (note->kind != NOTE_BIND)
            continue;
        struct value *place = value_at(answer, note->path);
        if (!place)
            return game_fail(game, value_printf(game->arena, "%s: nothing to bind", note->path));
        struct value *bound = value_copy(game->arena, place);
        if (bound->type == VALUE_UUID)
            names_set_drawn(&game->names, note->name, bound);
        else
            names_set(&game->names, note->name, bound);
    }
    return true;
}

/* ---- steps ------------------------------------------------------------------------------------------------------ */

static int32_t game_version(const struct game *game, const struct step *step, const struct kp_api *api)
{
    if (step->version >= 0)
        return step->version;
    if (game->scenario->api && strcmp(game->scenario->api, api->name) == 0)
        return game->version;
    return newest_version(game->player, api);
}

static void game_count(struct game *game, const struct kp_api *api, int16_t version)
{
    if (version < PLAYER_VERSIONS_MAX)
        game->player->played[api - kp_apis][version]++;
}

static bool game_send_step(struct game *game, const struct step *step)
{
    const struct kp_api *api = player_api(step->api);
    if (!api)
        return game_fail(game, value_printf(game->arena, "no API is named '%s'", step->api));
    const char *error = NULL;
    const struct value *body = names_expand(&game->names, step->value, &error);
    if (!body)
        return game_fail(game, error);
    int16_t version = (int16_t)game_version(game, step, api);
    game_count(game, api, version);
    return game_send(game, step->connection, api, version, body, !step->unanswered);
}

static void game_note_outcome(struct game *game, const struct step *step, int32_t number, const char *api,
                              int16_t version, struct value *answer)
{
    struct outcome *outcome = value_alloc(game->arena, sizeof *outcome);
    *outcome = (struct outcome){.step = step, .number = number, .api = api, .version = version, .answer = answer};
    *game->outcomes_end = outcome;
    game->outcomes_end = &outcome->next;
}

/* Keep only what the step's `pick` notes say. */
static bool game_pick(struct game *game, const struct step *step, struct value *answer)
{
    for (const struct step_note *note = step->notes; note; note = note->next) {
        if (note->kind != NOTE_PICK)
            continue;
        const char *error = NULL;
        const struct value *wanted = names_expand(&game->names, note->value, &error);
        if (!wanted)
            return game_fail(game, error);
        if (!answer_pick(answer, note->path, note->name, wanted))
            return game_fail(game, value_printf(game->arena, "%s: no list to pick from", note->path));
    }
    return true;
}

/* Bring an answer into its comparable form, check what the step says of it, and note it. *again: an `until` does not
 * hold yet, and nothing was noted. */
static bool game_take_answer(struct game *game, const struct step *step, int32_t number, const char *api,
                             int16_t version, struct value *answer, bool *again)
{
    if (!game_bind(game, step, answer) || !game_pick(game, step, answer))
        return false;
    answer_normalize(answer, api, &game->names, game_wall_ms(game));
    *again = !notes_hold(game, answer, step);
    if (*again)
        return true;
    if (!game_check_notes(game, step, answer))
        return false;
    game_note_outcome(game, step, number, api, version, answer);
    return true;
}

/* When the answer has not come yet, the time passes that it takes at least. */
static bool game_wait_out(struct game *game, struct connection *connection, int64_t at_least_ms)
{
    int64_t left_ms = at_least_ms;
    if (connection->asked_count > 0)
        left_ms -= game_mono_ms(game) - connection->asked[0].since_mono_ms;
    if (left_ms <= 0)
        return true;
    if (!game_has_been_seen(game))
        return false;
    return kafka_client_readable(&connection->client, 0) || game_pass(game, left_ms);
}

/* Receive one answer and take it. */
static bool game_receive_step(struct game *game, const struct step *step, int32_t number, bool *again)
{
    struct connection *connection = game_connection(game, step->connection);
    struct asked asked;
    struct value *answer;
    if (!connection)
        return false;
    if (step->kind == STEP_RECEIVE && step->api) {
        const struct kp_api *api = player_api(step->api);
        if (!api)
            return game_fail(game, value_printf(game->arena, "no API is named '%s'", step->api));
        if (!connection_remember(game, connection, api, (int16_t)step->version, 0, game_mono_ms(game)))
            return false;
        game_count(game, api, (int16_t)step->version);
    }
    if (step->at_least_ms && game_ahead_ms(game) && !game_wait_out(game, connection, step->at_least_ms))
        return false;
    if (!game_receive(game, connection, &asked, &answer))
        return false;
    int64_t took_ms = game_mono_ms(game) - asked.since_mono_ms;
    if (took_ms < step->at_least_ms)
        return game_fail(game, value_printf(game->arena, "the answer came after %d ms, sooner than %d ms", (int)took_ms,
                                            (int)step->at_least_ms));
    if (!answer && !step->expect_closed)
        return game_fail(game, "the connection was closed");
    if (answer && step->expect_closed)
        return game_fail(game, value_printf(game->arena, "the connection should be closed, but answered %s",
                                            value_print(game->arena, answer, 0, 0)));
    if (answer)
        return game_take_answer(game, step, number, asked.api->name, asked.version, answer, again);
    game_note_outcome(game, step, number, asked.api->name, asked.version, NULL);
    return true;
}

static bool game_request_step(struct game *game, const struct step *step, int32_t number)
{
    int64_t patience_ms = game_patience_ms(game, step), deadline_ms = client_mono_ms() + patience_ms;
    for (;;) {
        bool again = false;
        if (!game_send_step(game, step) || !game_receive_step(game, step, number, &again))
            return false;
        if (!again)
            return true;
        if (client_mono_ms() >= deadline_ms)
            return game_fail(game, patience_ms > 0 ? "what is waited for did not come"
                                                   : "what `until` says did not hold at once");
        poll(NULL, 0, UNTIL_PAUSE_MS);
    }
}

static bool game_bytes_step(struct game *game, const struct step *step)
{
    struct connection *connection = game_connection(game, step->connection);
    if (!connection)
        return false;
    if (step->kind == STEP_FRAME)
        connection_send_frame(connection, game->arena, step->value->text, KP_EMPTY_STRING);
    else
        kafka_client_send(&connection->client, step->value->text.data, (size_t)step->value->text.size);
    return true;
}

/* dohle has one loop: when it has answered what was asked later on another connection, it has seen what was asked here.
 * Of a connection that is new, one turn accepts it and the next reads it. */
static bool game_has_been_seen(struct game *game)
{
    return game_ask(game, "setup", "Metadata", "{topics: []}") && game_ask(game, "setup", "Metadata", "{topics: []}");
}

static bool game_waiting_step(struct game *game, const struct step *step)
{
    struct connection *connection = game_connection(game, step->connection);
    if (!connection || !game_has_been_seen(game))
        return false;
    if (kafka_client_readable(&connection->client, game->player->kafka ? SETTLE_MS : 0))
        return game_fail(game, "an answer or the end came, though the request should wait");
    return true;
}

/* ---- the broker's process and files ----------------------------------------------------------------------------- */

static bool game_stop(struct game *game, bool kill)
{
    struct player_process *process = game->player->process;
    if (!process)
        return game_fail(game, "the runner was not told how to stop this broker");
    for (int32_t i = 0; i < game->connections_count; i++)
        kafka_client_close(&game->connections[i].client);
    game->stopped = true;
    return process->stop(process, kill) || game_fail(game, "the broker did not end well");
}

static bool game_start(struct game *game, const struct value *settings)
{
    struct player_process *process = game->player->process;
    if (!process || !process->start(process, settings)) {
        game->player->gone = true;
        return game_fail(game, "the broker did not start again");
    }
    game->stopped = false;
    game->with_settings = settings != NULL;
    return game_await_setup(game);
}

/* What the step looks at, read anew. */
static bool game_look(struct game *game, const struct step *step, const char **api, struct value **seen)
{
    struct file_io *files = file_io_posix();
    const struct player_process *process = game->player->process;
    const struct value *named = names_get(&game->names, step->name);
    if (!process || !named)
        return game_fail(game, process ? "no topic, group or transaction has that name"
                                       : "the runner does not know the broker's folder");
    const char *error = NULL, *name = value_printf(game->arena, "%.*s", named->text.size, named->text.data);
    bool looked;
    if (step->kind == STEP_FILES) {
        *api = PLAYER_FILES;
        looked = folder_to_value(files, process->data_folder, name, (int32_t)step->number, game->arena, seen, &error);
    } else {
        bool groups = step->kind == STEP_GROUP_LOG;
        *api = groups ? PLAYER_GROUP_LOG : PLAYER_TRANSACTION_LOG;
        looked = coordinator_log_to_value(groups ? &coordinator_log_groups : &coordinator_log_transactions, files,
                                          process->data_folder, named->text, game->arena, seen, &error);
    }
    return looked || game_fail(game, error);
}

static bool game_look_step(struct game *game, const struct step *step, int32_t number)
{
    int64_t deadline_ms = client_mono_ms() + game_patience_ms(game, step);
    for (;;) {
        struct value *seen;
        const char *api;
        bool again = false;
        if (!game_look(game, step, &api, &seen) || !game_take_answer(game, step, number, api, 0, seen, &again))
            return false;
        if (!again)
            return true;
        if (client_mono_ms() >= deadline_ms)
            return game_fail(game, "what is waited for did not come into the files");
        poll(NULL, 0, UNTIL_PAUSE_MS);
    }
}

static bool game_step(struct game *game, const struct step *step, int32_t number)
{
    const char *error = NULL;
    struct connection *connection;
    bool again = false;
    switch (step->kind) {
    case STEP_LET: {
        struct value *value = names_expand(&game->names, step->value, &error);
        if (!value)
            return game_fail(game, error);
        names_set(&game->names, step->name, value);
        return true;
    }
    case STEP_TOPIC:
        return game_topic_step(game, step);
    case STEP_GROUP:
    case STEP_TRANSACTION:
        return game_coordinated_step(game, step);
    case STEP_REQUEST:
        return game_request_step(game, step, number);
    case STEP_SEND:
        return game_send_step(game, step);
    case STEP_RECEIVE:
        return game_receive_step(game, step, number, &again) && (!again || game_fail(game, "`until` does not hold"));
    case STEP_FRAME:
    case STEP_RAW:
        return game_bytes_step(game, step);
    case STEP_WAITING:
        return game_waiting_step(game, step);
    case STEP_CLOSE:
        connection = game_connection(game, step->connection);
        if (connection)
            kafka_client_close(&connection->client);
        return connection != NULL;
    case STEP_CLIENT: {
        const struct value *client_id = names_expand(&game->names, step->value, &error);
        connection = client_id ? game_connection(game, step->connection) : NULL;
        if (connection)
            connection->client_id = client_id->text;
        return connection != NULL || game_fail(game, error);
    }
    case STEP_PASS:
        return game_pass(game, step->number);
    case STEP_STOP:
    case STEP_KILL:
        return game_stop(game, step->kind == STEP_KILL);
    case STEP_START:
        return game_start(game, step->value);
    case STEP_RESTART:
        return game_stop(game, false) && game_start(game, step->value);
    case STEP_FILES:
    case STEP_GROUP_LOG:
    case STEP_TRANSACTION_LOG:
        return game_look_step(game, step, number);
    }
    return false;
}

void player_play(struct player *player, const struct scenario *scenario, int32_t version, struct arena *arena,
                 struct play *play)
{
    *play = (struct play){0};
    struct game game = {.player = player, .scenario = scenario, .version = version, .arena = arena, .play = play};
    game.topics = value_new(arena, VALUE_LIST);
    game.groups = value_new(arena, VALUE_LIST);
    game.transactions = value_new(arena, VALUE_LIST);
    game.outcomes_end = &play->outcomes;
    names_init(&game.names, arena, &player->names, game_wall_ms(&game));
    const char *unique = value_printf(arena, "%s-v%d-%" PRIx64, scenario->name, version < 0 ? 0 : version, player->run);
    names_set(&game.names, "unique", value_text(arena, unique));
    names_set(&game.names, "version", value_int(arena, version));

    int32_t number = 1;
    for (const struct step *step = scenario->steps; step; step = step->next) {
        if (!game_step(&game, step, number++)) {
            play->error_line = step->line;
            break;
        }
    }
    if (game.with_settings && !game.stopped && !player->gone)
        game_stop(&game, false);
    if (game.stopped && !player->gone)
        game_start(&game, NULL);
    if (!player->gone)
        game_delete_topics(&game);
    for (int32_t i = 0; i < game.connections_count; i++)
        kafka_client_close(&game.connections[i].client);
}

/* ---- the broker ------------------------------------------------------------------------------------------------- */

/* Versions are asked for in version 0, which each broker answers. */
static bool game_learn_versions(struct game *game)
{
    struct player *player = game->player;
    for (size_t i = 0; i < KP_APIS_COUNT; i++)
        player->advertised[i] = (struct kp_versions){0, kp_apis[i].key == KP_API_API_VERSIONS ? 0 : -1};
    struct value *answer = game_ask(game, "main", "ApiVersions", "{}");
    const struct value *keys = answer ? value_at(answer, "api_keys") : NULL;
    if (!keys)
        return game_fail(game, "the broker told no versions");
    for (size_t i = 0; i < KP_APIS_COUNT; i++) {
        player->advertised[i] = (struct kp_versions){0, -1};
        for (const struct value *item = keys->first; item; item = item->next)
            if (value_get(item, "api_key")->number == kp_apis[i].key)
                player->advertised[i] = (struct kp_versions){(int16_t)value_get(item, "min_version")->number,
                                                             (int16_t)value_get(item, "max_version")->number};
    }
    return true;
}

static bool game_learn_broker(struct game *game)
{
    struct value *answer = game_learn_versions(game) ? game_ask(game, "main", "Metadata", "{topics: []}") : NULL;
    struct value *cluster_id = answer ? value_at(answer, "cluster_id") : NULL;
    if (!cluster_id)
        return game_fail(game, "the broker told no cluster id");
    names_set_drawn(&game->player->names, "cluster_id", cluster_id);
    return true;
}

bool player_init(struct player *player, const char *host, int32_t port, bool kafka, const char **error)
{
    *player = (struct player){.host = host,
                              .port = port,
                              .kafka = kafka,
                              .run = (uint64_t)client_wall_ms(),
                              .answer_timeout_ms = ANSWER_TIMEOUT_MS};
    arena_init(&player->arena, PLAYER_ARENA_BYTES);
    names_init(&player->names, &player->arena, NULL, client_wall_ms());
    names_set(&player->names, "host", value_text(&player->arena, host));
    names_set(&player->names, "port", value_int(&player->arena, port));

    struct play play = {0};
    struct game game = {.player = player, .arena = &player->arena, .play = &play};
    names_init(&game.names, &player->arena, &player->names, client_wall_ms());
    bool learned = game_learn_broker(&game);
    for (int32_t i = 0; i < game.connections_count; i++)
        kafka_client_close(&game.connections[i].client);
    *error = play.error;
    return learned;
}

void player_release(struct player *player)
{
    arena_release(&player->arena);
}
