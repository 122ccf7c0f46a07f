/* A request on its way through the broker, and the peer that it came from.
 *
 * The peer is what conn.c makes of a socket, and a test of nothing: frames come in by broker_handle_frame(), pieces of
 * answers go out by peer->send. A request lives from then until it is answered, in one turn or after having been parked.
 *
 *     broker_handle_frame() --> handler --> request_respond()                      answered in the turn
 *                                  |
 *                                  +-- purgatory / flush / metadata sync --> request_respond()    parked
 *                                                  |
 *                                                  +-- peer gone: request->canceled(), no answer */
#ifndef DOHLE_BROKER_REQUEST_H
#define DOHLE_BROKER_REQUEST_H

#include "../protocol/arena.h"
#include "../protocol/header.h"
#include "../protocol/list.h"
#include "../storage/log.h"

#include "messages.h"

struct broker;
struct listener;
struct request;

/* A piece of an answer: memory or a slice of a log. */
struct out_piece {
    uint8_t *bytes;  /* NULL: a slice */
    size_t size_bytes;
    struct log_slice slice;
};

struct peer {
    struct broker *broker;
    const struct listener *listener; /* which of the listeners; decides the advertised address */
    char local_host[64];             /* the address that the client connected to, text without brackets */
    int32_t local_port;
    char remote[80];                 /* HOST:PORT of the client, for logs */
    char client_software[64];        /* "name version" from ApiVersions 3+, for logs; empty until then */
    struct list requests;            /* in progress, oldest first */
    void *quota;                     /* kept for the connection's owner */
    /* Answers leave in the order of the requests. Called when the oldest request of the list is done: takes over pieces
     * (memory from malloc, slice references). */
    void (*send)(struct peer *peer, struct out_piece *pieces, int32_t count);
    /* Close the connection after what was sent before; the reason is logged, rate limited. */
    void (*close)(struct peer *peer, const char *reason);
};

struct request {
    struct peer *peer;
    struct list link;             /* in peer->requests */
    struct arena arena;           /* decoded body, and what the handler builds for its answer */
    const struct kp_api *api;
    struct kp_request_header header;
    const void *body;             /* the decoded struct of this API: const struct kp_NAME_request * */
    uint8_t *frame;               /* the bytes behind body; borrowed from the connection until parked */
    size_t frame_size;
    bool frame_owned;             /* copied or taken over: freed with the request */
    bool holds_connection;        /* while parked no later request of the connection may start */
    bool answered;                /* pieces are set, waits for older ones */
    bool silent;                  /* answered without an answer (acks 0) */
    struct out_piece *pieces;
    int32_t pieces_count;
    /* Set by who parks the request. The peer is gone: leave all queues, then request_free(). */
    void (*canceled)(struct request *request);
    void *parked;                 /* what belongs to who parked it */
};

/* Handle one frame (the bytes behind the length). `frame` is borrowed and may be written to; a request that parks copies it.
 * Returns false when the connection is to be closed (peer->close was called). */
bool broker_handle_frame(struct peer *peer, uint8_t *frame, size_t size);
/* May the next frame of this connection start? Not while a request that holds the connection is parked. */
bool peer_may_start(const struct peer *peer);
/* The connection is gone: cancels what is parked. */
void peer_gone(struct peer *peer);

/* Answer with a struct of the API's response (const struct kp_NAME_response *) in the request's version; records with a
 * slice hand over their reference. The request may be freed in here. */
void request_respond(struct request *request, const void *response);
/* Done, with no answer (Produce with acks 0). */
void request_respond_nothing(struct request *request);
/* Nothing that can be said: close the connection. */
void request_close(struct request *request, const char *reason);
/* The handler returns and somebody else answers later: keep the frame's bytes alive, set canceled. */
void request_park(struct request *request, void (*canceled)(struct request *request), bool holds_connection);
void request_free(struct request *request);

/* The address that this client is to be told for this broker; both valid as long as the peer and its listener. The one
 * place that decides it (advertised.listeners, or the address that the client connected to). */
void peer_advertised_address(const struct peer *peer, const char **host, int32_t *port);

#endif
