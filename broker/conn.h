/* One TCP connection: bytes in, frames to the broker, answers out. See conn.c. */
#ifndef DOHLE_BROKER_CONN_H
#define DOHLE_BROKER_CONN_H

#include "listener.h"

struct conn {
    uv_tcp_t tcp;
    struct server *server;
    struct peer peer;
    struct server_address *address; /* counts the connections of this client; NULL before it is known */
    struct list by_activity;        /* in server->conns */
    struct list writable;           /* in server->writable */
    int64_t active_ms;              /* monotonic: the last time that bytes moved */
    struct list by_input;           /* in server->inputs, of its class */
    enum input_class input_class;
    struct list writing; /* in server->writing, while a write is in flight */
    struct list late;    /* in server->late, while what is to be read, or its end, waits */

    /* Bytes that arrived and are not handled: they begin with a frame's length. NULL when there are none. */
    uint8_t *input;
    size_t input_size, input_capacity;
    size_t read_size; /* of the last read */
    bool reading;
    uint8_t *handled; /* what was the input, while its frames are handled */
    size_t handled_capacity;
    bool keeps;    /* it is to become the kept one */
    uint8_t *kept; /* the buffer of a frame that is handled over several turns; NULL: none */
    size_t kept_capacity;

    /* Tells that the peer goes while nothing is read. */
    uv_poll_t watch;
    int watch_descriptor; /* of its own, for the same socket; -1: was not needed yet */
    int handles;          /* of libuv that are not closed */

    size_t piece_sent;    /* bytes of the oldest output piece that are sent */
    uv_write_t write;     /* of what the socket did not take at once */
    size_t write_size;    /* bytes in it; 0: none in flight */
    uint8_t *write_chunk; /* its memory when it is a copy from a slice */

    /* A part of a slice that was not in memory, on its way there. */
    struct job warm;
    struct log_slice warm_slice;
    int32_t warm_from;
    size_t warm_size;
    bool warming; /* nothing is sent meanwhile */
    bool warmed;  /* the next part is not asked about again: memory may be too short to keep it */

    bool slow;        /* its last request took long in its turn */
    bool delayed;     /* its next one waits for a turn in which no other took long */
    bool put_off;     /* what has arrived of a large frame waits for a later turn */
    bool is_over;     /* its end was seen, and it is closed when the turn has time */
    bool turned_away; /* too many of its address came: nothing is read, and it is closed when the peer's mute ends */
    bool ended;       /* the peer sent its end while a request was worked on; those behind it are still to be started */
    bool finished;    /* no more requests are started: the peer sent its end, was refused, or we stop */
    bool lingers;     /* everything is sent and our end is closed; the peer's is awaited */
    bool closed;      /* uv_close() was called */
    bool released;    /* and all are called back: freed when no job is on its way */
};

/* Take the connection that waits on `socket`. With `refusal` it is closed at once for that reason. */
void conn_accept(struct server *server, struct server_socket *socket, const char *refusal);

/* Write what is answered, as far as the socket takes it, and start the requests that this made room for. */
void conn_flush(struct conn *conn);

/* It was late, and its turn has come. */
void conn_go_on(struct conn *conn);

/* Start no more requests; close once those in progress are answered and sent. */
void conn_finish(struct conn *conn);

/* Close now. `reason` is logged, rate limited; NULL: an ordinary end. The struct is freed later. */
void conn_close(struct conn *conn, const char *reason);

#endif
