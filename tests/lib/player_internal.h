/* What the files of the player share: one scenario being played. For player*.c alone. */
#ifndef DOHLE_TESTS_LIB_PLAYER_INTERNAL_H
#define DOHLE_TESTS_LIB_PLAYER_INTERNAL_H

#include "kafka_client.h"
#include "player.h"

#define UNTIL_TIMEOUT_MS 15000
#define UNTIL_PAUSE_MS   10
#define CONNECTIONS_MAX  16
#define ASKED_MAX        64 /* requests without their answer on one connection */

struct asked {
    const struct kp_api *api;
    int16_t version;
    int32_t correlation_id;
    int64_t since_mono_ms; /* when the request before it was sent on the connection, or it itself as the first */
};

struct connection {
    const char *name;
    struct kafka_client client;
    struct kp_string client_id;
    struct asked asked[ASKED_MAX];
    int32_t asked_count;
    int64_t sent_mono_ms; /* when the last request was sent; 0: none was */
};

/* One scenario being played. */
struct game {
    struct player *player;
    const struct scenario *scenario;
    int32_t version;
    struct arena *arena;
    struct names names;
    struct connection connections[CONNECTIONS_MAX];
    int32_t connections_count;
    struct value *topics;       /* names of those that `topic` made, `number` the partitions: deleted in the end */
    struct value *groups;       /* names of those that `group` made */
    struct value *transactions; /* of `transaction` */
    bool stopped;               /* the broker, by a step */
    bool with_settings;         /* it runs with settings of a step */
    struct play *play;
    struct outcome **outcomes_end;
};

/* Note why the scenario cannot go on. Always false, so that a step can return it. */
bool game_fail(struct game *game, const char *error);

/* Ask and take the answer as it is; NULL after game_fail(). For what the player asks on its own behalf. */
struct value *game_ask(struct game *game, const char *connection, const char *api_name, const char *body_text);

/* The broker's wall clock; the time that passes for it. */
int64_t game_wall_ms(const struct game *game);
int64_t game_mono_ms(const struct game *game);

/* ---- player_setup.c: what a scenario has for itself --------------------------------------------------------------- */

/* Create the topic "$unique-STEPNAME"; $STEPNAME is its name, $STEPNAME_id its id. */
bool game_topic_step(struct game *game, const struct step *step);
/* $STEPNAME is "$unique-STEPNAME", and the broker is ready to coordinate the group or transaction of that name. */
bool game_coordinated_step(struct game *game, const struct step *step);
/* Wait until the topics, groups and transactions of before can be used again. */
bool game_await_setup(struct game *game);
/* So that a broker holds the topics of one scenario only; those that are gone already do not matter. */
void game_delete_topics(struct game *game);

#endif
