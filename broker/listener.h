/* The server side of sockets: listening addresses, accepted connections as a whole, their common budgets. See
 * listener.c. */
#ifndef DOHLE_BROKER_LISTENER_H
#define DOHLE_BROKER_LISTENER_H

#include "../protocol/hash_map.h"
#include "broker.h"
#include "connection_quotas.h"
#include "limits.h"
#include "loop.h"

struct conn;

#define SERVER_SOCKETS_MAX 32

/* What a connection keeps in memory of frames: in the order in which such ones are dropped. */
enum input_class {
    INPUT_LARGE,         /* more than LARGE_INPUT_BYTES of a frame that has not arrived whole */
    INPUT_LARGE_WAITING, /* as much that waits behind a request, or is worked on */
    INPUT_SMALL,
    INPUT_SMALL_WAITING,
    INPUT_CLASSES,
    INPUT_NONE = INPUT_CLASSES
};

struct server_socket {
    uv_tcp_t tcp;
    struct server *server;
    const struct listener *listener;
    struct timer delay; /* of the connection that waits to be taken, while there are too many in a second */
    bool is_late;       /* one waits to be taken because the turn has no time */
};

struct server {
    struct loop *loop;
    struct broker *broker;
    struct server_socket sockets[SERVER_SOCKETS_MAX];
    int sockets_count;
    struct list conns;                 /* struct conn by activity: the one that was quiet longest first */
    struct list writable;              /* struct conn with something to write or to start, this turn */
    struct list late;                  /* struct conn that goes on in a later turn, in this order */
    struct conn *next;                 /* who was late and is read in this turn, whatever its time; NULL: nobody */
    struct list inputs[INPUT_CLASSES]; /* struct conn of each class, by activity */
    struct list writing;               /* struct conn whose socket takes nothing now, by activity */
    int64_t conns_count, conns_max;
    int64_t *listener_conns; /* of each listener, by index */
    struct connection_quotas quotas;
    struct hash_map by_address; /* struct server_address: connections of each client address */
    uv_timer_t idle_timer;
    uv_timer_t stop_timer;
    bool stopping;
    int64_t slow_turn; /* in which the last request that may have taken long was handled, see loop->turns */
    int open_handles;  /* sockets and timers that are not closed yet */
    uint8_t read_buffer[READ_BUFFER_BYTES];
    size_t input_bytes, input_bytes_max; /* of all connections' own buffers */
    struct {
        uint8_t *bytes;
        size_t capacity;
    } spare[SPARE_BUFFERS];
};

/* The connections of one client address. */
struct server_address {
    struct hash_node node; /* in server->by_address */
    uint8_t bytes[IP_ADDRESS_BYTES];
    int32_t count;
};

/* Bind and listen on all of broker->listeners; sets the ports of those with port 0. False: one line was logged, and
 * server_stop() is to be called. `conns_max` bounds the connections of all listeners together. */
bool server_start(struct server *server, struct loop *loop, struct broker *broker, int64_t conns_max) WARN_UNUSED;

/* Stop accepting; connections go when they have sent what is answered, at the latest after STOP_GRACE_MS. The loop goes
 * on until the last one is closed. */
void server_stop(struct server *server);

/* Free what it keeps, once the loop has ended. */
void server_release(struct server *server);

/* ---- between listener.c and conn.c ---- */

/* A buffer of at least `size` bytes for a frame: a spare one, or from malloc. NULL: the budget is used up even after
 * stalled connections other than `asks` were dropped. */
uint8_t *server_buffer_get(struct server *server, const struct conn *asks, size_t size, size_t *capacity);
/* The same buffer grown in place, without a second one beside it: for large frames. NULL as above; `buffer` is
 * unchanged then. */
uint8_t *server_buffer_grow(struct server *server, const struct conn *asks, uint8_t *buffer, size_t capacity,
                            size_t size);
void server_buffer_put(struct server *server, uint8_t *buffer, size_t capacity);
/* May `asks` start a request? Drops connections whose requests keep more memory than REQUESTS_BYTES_MAX. False: others
 * keep it that need not be dropped, as what they wait for, a sync or the end of the turn, comes soon. */
bool server_has_room(struct server *server, const struct conn *asks);
/* One more connection of that address, or one less. */
struct server_address *server_address_get(struct server *server, const struct sockaddr_storage *address);
void server_address_put(struct server *server, struct server_address *address);
/* A connection is closed, though its struct may live on: it counts no more. */
void server_conn_closed(struct server *server, const struct listener *listener);
/* Which of the configuration's listeners it is. */
int32_t server_listener_index(const struct server *server, const struct listener *listener);

#endif
