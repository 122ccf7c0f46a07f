/* A request on its way through the broker, and the peer that it came from.
 *
 * The peer is what conn.c makes of a socket, and a test of nothing: frames come in by broker_handle_frame(), answers
 * are taken with peer_output(). A request lives from then until its answer is sent or its peer is gone.
 *
 *                             request_respond()             peer_sent()
 *     broker_handle_frame() ------------------> answered ---------------> recycled
 *            |      |                              ^
 *            |      +-- request_hold(), respond ---+  request_unhold()      waits for a sync
 *            |                                     |
 *            +--------- request_park() ------------+  request_respond()     waits for data, members or time
 *
 * Strings and records in request->body borrow the frame, which goes soon after the handler returns: a handler that
 * parks copies into request->arena what it needs later; one that only waits for durability holds the answer, which it
 * gives at once, or when all is durable if it is to tell what failed.
 *
 * Rules. (1) Requests of a connection start in order, answers leave in order. (2) One that is held lets the next start;
 * one that is parked does not. (3) When the peer is gone a parked request is canceled, a held one is
 * freed by its unhold. (4) An answer that says throttle_time_ms leaves at once, and then no further request of its
 * connection starts for so long (KIP-219). */
#ifndef DOHLE_BROKER_REQUEST_H
#define DOHLE_BROKER_REQUEST_H

#include "../protocol/arena.h"
#include "../protocol/header.h"
#include "../protocol/list.h"
#include "../storage/log.h"

#include "messages.h"
#include "quota.h"
#include "timers.h"

struct broker;
struct listener;
struct postponed;
struct request;
struct telemetry_instance;
struct topic;

/* A piece of an answer: memory, or a slice of a log. */
struct out_piece {
    const uint8_t *bytes; /* in the request's arena; NULL: a slice */
    size_t size_bytes;
    struct log_slice slice;
};

struct peer {
    struct broker *broker;
    const struct listener *listener; /* which of the listeners; decides the advertised address */
    char local_host[64];             /* the address that the client connected to, text without brackets */
    int32_t local_port;
    char remote[80];                      /* HOST:PORT of the client, for logs */
    char client_software[64];             /* "name version" from ApiVersions 3+, for logs; empty until then */
    struct list requests;                 /* struct request, oldest first: in progress or not yet sent */
    int32_t requests_count;               /* of that list */
    int32_t parked_count;                 /* of those: parked, so none may start */
    bool working;                         /* the parked one is in the pool, and goes on without its peer */
    size_t memory_bytes;                  /* of the arenas of those that are answered or parked */
    bool more_follows;                    /* another whole frame lies behind the one that is handled, in its memory */
    bool closing;                         /* the broker wants it closed: nothing more is started */
    struct telemetry_instance *telemetry; /* the last that began on it, or NULL */
    bool muted;                           /* it is over its quota: none may start until `mute` expires */
    struct timer mute;
    /* The broker's calls on the owner; the first two only note what the owner does at the end of its turn. */
    void (*output_ready)(struct peer *peer);              /* peer_output() has something new */
    void (*close)(struct peer *peer, const char *reason); /* once; `reason` is a sentence for the log, rate limited */
    /* The frame that is being handled is needed until drop_frame(), or until the peer is gone. Returns where it is from
     * now on, or NULL: there is no memory for it. No other frame comes before. */
    uint8_t *(*keep_frame)(struct peer *peer, uint8_t *frame, size_t size);
    void (*drop_frame)(struct peer *peer);
};

struct request {
    struct peer *peer; /* NULL: gone, while held */
    struct broker *broker;
    struct list link;   /* in peer->requests */
    struct arena arena; /* decoded body, and what the handler builds for its answer */
    const struct kp_api *api;
    struct kp_request_header header; /* client_id borrows the frame */
    const void *body;    /* the decoded struct of this API: const struct kp_NAME_request *; NULL only for ApiVersions
                            in a version that we do not know, to be answered in version 0 */
    size_t frame_bytes;  /* of the frame that it came in */
    bool counted;        /* by quotas: some were set when it came; header.client_id is a copy */
    bool throttled;      /* what its quotas say is decided */
    int32_t throttle_ms; /* that its answer tells, or will at least; 0: none */
    int64_t used_ns;     /* of the loop's time, by what of its handler is over */
    int32_t holds;
    bool answered;            /* pieces are set; leaves when holds is 0 */
    size_t charged_bytes;     /* of the arena, that peer and broker count */
    struct out_piece *pieces; /* in the arena */
    int32_t pieces_count;     /* 0: no answer at all (acks 0) */
    int32_t pieces_sent;
    bool is_parked;
    void (*canceled)(struct request *request); /* while parked; NULL: it goes on without its peer */
    void *parked;                              /* what belongs to who parked it */
    uint8_t *frame;                            /* valid while the handler runs */
    struct postponed *postponed;               /* NULL: it never was; see request_postpone() */
    int32_t loads; /* of the logs that it is about, in its order, so many need not be loaded any more */
    int32_t items; /* counted by request_pause(): since the last pause, or all of one that is handled at once */
    struct list waits_for_parts; /* in broker->parts.waiting, or in none */
    bool pauses;                 /* what its answer points to stays: its handler called request_pause() */
    bool refused;                /* its answer is not to be sent */
    bool again;                  /* in parts: request_postpone() was called, its handler is to be called again */
    bool abandoned;              /* no answer is wanted: the peer is gone, or it is to begin again in parts */
};

/* ---- for the owner of a peer (conn.c, tests) ------------------------------------------------------------------------ */

void peer_init(struct peer *peer, struct broker *broker, const struct listener *listener);
/* The principal of its requests. */
struct kp_string peer_user(const struct peer *peer);
/* Let no further request start for `ms` from now, or as long as was said before if that is longer. */
void peer_mute(struct peer *peer, int64_t ms);
/* May the next frame of this connection start? */
bool peer_may_start(const struct peer *peer);
/* Handle one frame (the bytes behind the length). `frame` is borrowed until broker_frames_handled() and may be written
 * to. The owner says in peer->more_follows whether to expect another one before that. */
void broker_handle_frame(struct peer *peer, uint8_t *frame, size_t size);
/* Nothing that was handled needs its frame any more. To be called before anything else happens to the broker. */
void broker_frames_handled(struct peer *peer);
/* The oldest pieces that are ready to be sent, up to `max`, none of them empty. Returns how many; valid until
 * peer_sent(). */
int peer_output(struct peer *peer, struct out_piece **pieces, int max);
/* The oldest of them is sent whole. */
void peer_sent(struct peer *peer);
/* The connection is gone: cancels what is parked, forgets the rest. */
void peer_gone(struct peer *peer);

/* A request of the peer, last in its list; what it holds goes back by its answer. */
struct request *request_new(struct peer *peer);
/* Free the recycled ones. */
void requests_release(struct broker *broker);

/* ---- for handlers --------------------------------------------------------------------------------------------------- */

/* Answer with a struct of the API's response (const struct kp_NAME_response *) in the request's version. It is encoded
 * at once; slices of its records hand over their reference, in any case. Nothing of the request may be used afterwards,
 * unless it is held. One in parts may pause in here, if it paused before. */
void request_respond(struct request *request, const void *response);
/* Done, with no answer (Produce with acks 0). */
void request_respond_nothing(struct request *request);
/* Nothing that can be said, or not what the protocol allows: close the connection. The request may be freed in here. */
void request_close(struct request *request, const char *reason);
/* What its answer says, or is going to say, turned out not to be true: close the connection; neither this answer nor
 * one behind it is sent. For who holds the request: its handler goes on, and answers or not. */
void request_refuse(struct request *request, const char *reason);

/* The answer, given now or later, is not sent before as many unholds. */
void request_hold(struct request *request);
void request_unhold(struct request *request);

/* The handler returns, and somebody else answers later. No later request of the connection starts meanwhile.
 * When the peer goes, `canceled` is called once: leave all queues, call nothing on the request any more. NULL: the
 * request goes on without its peer, for which the caller holds it; what was sent behind it is carried out as well. */
void request_park(struct request *request, void (*canceled)(struct request *request));

/* There is no time for it in this turn: call its handler again at the end of a later one, as if it had come then. To be
 * called by the handler before it has changed anything; each further call must have got on (see long_work.h), or the
 * request is never answered. The connection waits. */
void request_postpone(struct request *request);
/* The same for one that waits for something: until requests_go_on(). Not for one that is handled in parts. `waiting`
 * lives until it is empty. */
void request_wait(struct request *request, struct list *waiting);
/* What these requests waited for is there: they are handled again at the end of this turn and later ones. */
void requests_go_on(struct list *waiting);
/* Have the log of a partition loaded before it is asked for anything: the first use of a thousand logs would take many
 * milliseconds. `number` counts the partitions of the request from 0, `topic` may be NULL. False: no time, and the
 * request is postponed. */
bool request_load(struct request *request, int32_t number, const struct topic *topic, int32_t index) WARN_UNUSED;

/* It waits for nothing but durability any more: later requests start, and the answer is given while it is held. */
void request_unpark(struct request *request);

/* ---- for handlers of what may be much (parts.c) --------------------------------------------------------------------- */

/* `items` of what the request asks for were done, of which each takes a tenth of a microsecond or two. In a request
 * that is handled in parts it may be another turn when this returns, and everything else may have changed. So a handler
 * points to nothing of the broker's state meanwhile, and keeps copies of what its answer takes from there; frame, body
 * and arena stay. False: no answer is wanted from this call of the handler. It ends its loop and returns, as if that
 * had been the last item: whatever it answers goes nowhere. */
bool request_pause(struct request *request, int32_t items) WARN_UNUSED;
/* Have a text stay over pauses: a copy in the arena, where the request is handled in parts. False: no memory. */
bool request_keep(struct request *request, struct kp_string *text) WARN_UNUSED;
bool request_keep_bytes(struct request *request, struct kp_bytes *bytes) WARN_UNUSED;
/* Is it handled in parts? To be asked by those that change many things, before the first. False: it will be, from its
 * beginning, and the handler is to return. */
bool request_in_parts(struct request *request) WARN_UNUSED;
bool request_is_in_parts(const struct request *request);

/* ---- quotas (quota.h) ----------------------------------------------------------------------------------------------- */

/* Whom a request that is counted counts for. */
struct quota_client request_client(const struct request *request);
/* May the request make or delete so many partitions more? It has taken the tokens then. `strict`: no, while some are
 * owed, and it is to be refused with KAFKA_THROTTLING_QUOTA_EXCEEDED; else yes, and its client waits (KIP-599). */
bool request_take_permits(struct request *request, bool strict, int32_t permits);
/* Count the time that the request took, and silence its connection for that, for the tokens that it owes, or for
 * `throttle_ms`, what another quota demands, whichever is longest. Returns how long; its answer will tell. Once for
 * each request: request_respond() does it for those that have not. */
int32_t request_throttle(struct request *request, int32_t throttle_ms);

/* The address that this client is to be told for this broker; valid as long as the peer. The one place that decides it:
 * advertised.listeners, or the address that the client connected to. */
void peer_advertised_address(const struct peer *peer, const char **host, int32_t *port);

#endif
