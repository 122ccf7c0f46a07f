/* Listening sockets and what all connections share: the count, the budgets, the idle ones, the stop.
 *
 * A listener of the configuration becomes one socket, or two: "localhost", the default, is 127.0.0.1 and ::1 on the
 * same port, also when any free port is asked for; an empty host is all addresses of both families. A machine without
 * IPv6 just has the first.
 *
 * Connections are in lists by activity: all of them, those with input by its class, those that take no answer. From
 * the quiet ends are taken: those that were idle for connections.max.idle.ms; the stalled ones when the budget of input
 * is used up or the connections are too many. When the budget of requests and answers is used up, who holds most of it
 * goes. A new connection beyond max.connections, of all or of its listener, or max.connections.per.ip is closed at
 * once, so that the client is told rather than left waiting. One that is too many for this second waits in the system's
 * hands, and with it the listener's next ones (connection_quotas.h). */
#include "listener.h"

#include "conn.h"
#include "config.h"
#include "connection_quotas.h"
#include "logger.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>

#define STALLED "its request stalled and the memory for requests is used up"
#define WAITS   "its requests wait and the memory for requests is used up"

/* ---- who goes when a budget is used up ------------------------------------------------------------------------------ */

/* One that is in the pool goes on without its peer, and would hold what it holds. */
static bool is_parked(const struct conn *conn)
{
    return conn->peer.parked_count > 0 && !conn->peer.working;
}

/* The connection of that class that was quiet longest, but `asks`. Those that have sent more, for which no turn had
 * time yet, come behind those that are quiet, and who keeps most of them first. NULL: there is none. */
static struct conn *quietest_input(const struct server *server, enum input_class class, const struct conn *asks)
{
    struct conn *late = NULL;
    list_for_each (&server->inputs[class], node) {
        struct conn *conn = CONTAINER_OF(node, struct conn, by_input);
        if (conn == asks)
            continue;
        if (list_empty(&conn->late))
            return conn;
        if (late == NULL || conn->input_capacity > late->input_capacity)
            late = conn;
    }
    return late;
}

/* Drop the connection that was quiet longest of those that keep the most burdensome kind of input. False: there is none
 * but `asks`. */
static bool drop_input(struct server *server, const struct conn *asks)
{
    static const char *const reasons[INPUT_CLASSES] = {
        [INPUT_LARGE] = STALLED,
        [INPUT_LARGE_WAITING] = WAITS,
        [INPUT_SMALL] = STALLED,
        [INPUT_SMALL_WAITING] = WAITS,
    };
    for (int kind = 0; kind < INPUT_CLASSES; kind++) {
        struct conn *conn = quietest_input(server, (enum input_class)kind, asks);
        if (conn == NULL)
            continue;
        conn_close(conn, reasons[kind]);
        return true;
    }
    return false;
}

/* The one of these connections whose requests and answers hold most: who waits with little is not to blame. */
static struct conn *largest_writing(struct server *server, const struct conn *asks)
{
    struct conn *largest = NULL;
    list_for_each (&server->writing, node) {
        struct conn *conn = CONTAINER_OF(node, struct conn, writing);
        if (conn != asks && (!largest || conn->peer.memory_bytes > largest->peer.memory_bytes))
            largest = conn;
    }
    return largest;
}

static struct conn *largest_parked(struct server *server, const struct conn *asks)
{
    struct conn *largest = NULL;
    list_for_each (&server->conns, node) {
        struct conn *conn = CONTAINER_OF(node, struct conn, by_activity);
        if (conn != asks && is_parked(conn) && (!largest || conn->peer.memory_bytes > largest->peer.memory_bytes))
            largest = conn;
    }
    return largest;
}

/* Drop the first of a list if it stalls; the others have moved since it has. */
static bool drop_stalled(struct server *server, struct conn *first)
{
    int64_t now_ms = server->loop->env.now(&server->loop->env).mono_ms;
    bool stalls = first != NULL && now_ms - first->active_ms >= STALLED_MS;
    if (stalls)
        conn_close(first, "it stalled and the connections are too many");
    return stalls;
}

static struct conn *first_input(const struct server *server, enum input_class class)
{
    const struct list *list = &server->inputs[class];
    return list_empty(list) ? NULL : CONTAINER_OF(list->next, struct conn, by_input);
}

/* Drop one that stalls, with a frame or an answer. */
static bool drop_any_stalled(struct server *server)
{
    struct conn *writing =
        list_empty(&server->writing) ? NULL : CONTAINER_OF(server->writing.next, struct conn, writing);
    return drop_stalled(server, first_input(server, INPUT_LARGE)) ||
           drop_stalled(server, first_input(server, INPUT_SMALL)) || drop_stalled(server, writing);
}

/* ---- buffers -------------------------------------------------------------------------------------------------------- */

/* Have the budget allow `size` more bytes, at the cost of others. */
static bool input_fits(struct server *server, const struct conn *asks, size_t size)
{
    while (size > server->input_bytes_max - server->input_bytes) {
        if (!drop_input(server, asks))
            return false;
    }
    return true;
}

uint8_t *server_buffer_get(struct server *server, const struct conn *asks, size_t size, size_t *capacity)
{
    if (!input_fits(server, asks, size))
        return NULL;
    uint8_t *buffer = NULL;
    *capacity = size;
    for (int i = 0; i < SPARE_BUFFERS && size >= SPARE_BUFFER_USE_BYTES && buffer == NULL; i++) {
        if (server->spare[i].capacity < size ||
            server->spare[i].capacity > server->input_bytes_max - server->input_bytes)
            continue;
        buffer = server->spare[i].bytes;
        *capacity = server->spare[i].capacity;
        server->spare[i].bytes = NULL;
        server->spare[i].capacity = 0;
    }
    if (buffer == NULL)
        buffer = malloc(size);
    if (buffer != NULL)
        server->input_bytes += *capacity;
    return buffer;
}

uint8_t *server_buffer_grow(struct server *server, const struct conn *asks, uint8_t *buffer, size_t capacity,
                            size_t size)
{
    if (!input_fits(server, asks, size - capacity))
        return NULL;
    uint8_t *grown = realloc(buffer, size);
    if (grown != NULL)
        server->input_bytes += size - capacity;
    return grown;
}

void server_buffer_put(struct server *server, uint8_t *buffer, size_t capacity)
{
    server->input_bytes -= capacity;
    if (capacity >= SPARE_BUFFER_BYTES_MIN && capacity <= SPARE_BUFFER_BYTES) {
        for (int i = 0; i < SPARE_BUFFERS; i++) {
            if (server->spare[i].bytes == NULL) {
                server->spare[i].bytes = buffer;
                server->spare[i].capacity = capacity;
                return;
            }
        }
    }
    if (capacity > RELEASE_AT_ONCE_BYTES)
        release_block(server->broker, buffer, capacity);
    else
        free(buffer);
}

bool server_has_room(struct server *server, const struct conn *asks)
{
    while (server->broker->requests_bytes > REQUESTS_BYTES_MAX) {
        struct conn *writing = largest_writing(server, asks), *parked;
        if (writing != NULL)
            conn_close(writing, "it takes no answers and the memory for answers is used up");
        else if ((parked = largest_parked(server, asks)) != NULL)
            conn_close(parked, "its request waits and the memory for requests is used up");
        else
            return false;
    }
    return true;
}

/* ---- addresses ------------------------------------------------------------------------------------------------------ */

struct server_address *server_address_get(struct server *server, const struct sockaddr_storage *address)
{
    uint8_t bytes[IP_ADDRESS_BYTES] = {[10] = 0xff, [11] = 0xff};
    if (address->ss_family == AF_INET6)
        memcpy(bytes, &((const struct sockaddr_in6 *)address)->sin6_addr, 16);
    else
        memcpy(bytes + 12, &((const struct sockaddr_in *)address)->sin_addr, 4);
    uint64_t hash = hash_bytes(&server->by_address, bytes, sizeof bytes);
    struct server_address *found;
    for (struct hash_node *node = hash_map_first(&server->by_address, hash); node != NULL;
         node = hash_node_next(node)) {
        found = CONTAINER_OF(node, struct server_address, node);
        if (memcmp(found->bytes, bytes, sizeof bytes) == 0) {
            found->count++;
            return found;
        }
    }
    found = xcalloc(1, sizeof *found);
    memcpy(found->bytes, bytes, sizeof bytes);
    found->count = 1;
    hash_map_insert(&server->by_address, &found->node, hash);
    return found;
}

void server_address_put(struct server *server, struct server_address *address)
{
    if (--address->count > 0)
        return;
    hash_map_remove(&server->by_address, &address->node);
    free(address);
}

/* ---- connections ---------------------------------------------------------------------------------------------------- */

static void idle_cb(uv_timer_t *timer);

/* The idle timer is set for the quietest connection; by then others may be quieter, so it looks again. */
static void watch_idle(struct server *server)
{
    int64_t max_idle_ms = server->broker->config->connections_max_idle_ms;
    if (list_empty(&server->conns) || max_idle_ms < 0 || server->stopping)
        return;
    struct conn *quietest = CONTAINER_OF(server->conns.next, struct conn, by_activity);
    int64_t now_ms = server->loop->env.now(&server->loop->env).mono_ms;
    int64_t wait_ms = quietest->active_ms + max_idle_ms - now_ms;
    uv_timer_start(&server->idle_timer, idle_cb, wait_ms > 0 ? (uint64_t)wait_ms : 0, 0);
}

static void idle_cb(uv_timer_t *timer)
{
    struct server *server = CONTAINER_OF(timer, struct server, idle_timer);
    int64_t now_ms = server->loop->env.now(&server->loop->env).mono_ms;
    int64_t max_idle_ms = server->broker->config->connections_max_idle_ms;
    list_for_each (&server->conns, node) {
        struct conn *conn = CONTAINER_OF(node, struct conn, by_activity);
        if (conn->active_ms + max_idle_ms > now_ms)
            break;
        conn_close(conn, NULL);
    }
    watch_idle(server);
}

int32_t server_listener_index(const struct server *server, const struct listener *listener)
{
    return (int32_t)(listener - server->broker->listeners);
}

/* Take the connection that waits on the socket. */
static void take_connection(struct server_socket *socket)
{
    struct server *server = socket->server;
    int64_t *of_listener = &server->listener_conns[server_listener_index(server, socket->listener)];
    int64_t conns_max = server->broker->config->max_connections;
    conns_max = conns_max < server->conns_max ? conns_max : server->conns_max;
    const char *refusal = NULL;
    if (server->conns_count >= conns_max && !drop_any_stalled(server))
        refusal = "the connections are too many (max.connections, or the limit of file descriptors)";
    else if (socket->listener->max_connections >= 0 && *of_listener >= socket->listener->max_connections)
        refusal = "the connections of its listener are too many (max.connections)";
    bool first = list_empty(&server->conns);
    server->conns_count++;
    (*of_listener)++;
    conn_accept(server, socket, refusal);
    if (first)
        watch_idle(server);
}

static void delay_over(struct timer *timer)
{
    take_connection(CONTAINER_OF(timer, struct server_socket, delay));
}

/* A connection waits. While it is not taken libuv asks for no other of this socket: else a thousand at once would be
 * taken in one turn. */
static void connection_cb(uv_stream_t *stream, int status)
{
    struct server_socket *socket = CONTAINER_OF(stream, struct server_socket, tcp);
    struct server *server = socket->server;
    if (status != 0) {
        LOG_PEER_WARN("Could not accept a connection", "listener=%s error=%s", socket->listener->name,
                      uv_strerror(status));
        return;
    }
    struct env *env = server->broker->env; /* whose clock the timers are of */
    int64_t now_ms = env->now(env).mono_ms;
    int32_t delay_ms =
        connection_quotas_record(&server->quotas, server_listener_index(server, socket->listener), now_ms);
    if (delay_ms > 0) {
        timer_start(&server->broker->timers, &socket->delay, now_ms + delay_ms);
        env->wake_at(env, now_ms + delay_ms);
    } else if (turn_has_time(&server->loop->turn)) {
        take_connection(socket);
    } else {
        socket->is_late = true;
        loop_run_again(server->loop);
    }
}

void server_conn_closed(struct server *server, const struct listener *listener)
{
    server->conns_count--;
    server->listener_conns[server_listener_index(server, listener)]--;
    if (server->stopping && server->conns_count == 0 && !uv_is_closing((uv_handle_t *)&server->stop_timer))
        uv_close((uv_handle_t *)&server->stop_timer, NULL);
}

/* Take the connections for which the events had no time: one of each socket, and libuv asks for the next ones. */
static void take_late(struct server *server)
{
    for (int i = 0; i < server->sockets_count; i++) {
        struct server_socket *socket = &server->sockets[i];
        if (!socket->is_late)
            continue;
        socket->is_late = false;
        take_connection(socket);
    }
}

/* Have those go on for which earlier turns had no time, one at least. */
static void go_on_late(struct server *server)
{
    for (int i = 0; i < LATE_AT_ONCE && !list_empty(&server->late); i++) {
        if (i > 0 && !turn_has_time(&server->loop->turn))
            break;
        struct conn *conn = CONTAINER_OF(server->late.next, struct conn, late);
        if (i == 0)
            server->next = conn;
        conn_go_on(conn);
    }
}

/* At the end of each turn: take who came late in it, and write what was answered. Those that become writable again
 * while this goes on wait for the next turn. */
static void flush_output(struct loop *loop)
{
    struct server *server = loop->server;
    take_late(server);
    struct list end;
    list_init(&end);
    list_append(&server->writable, &end);
    while (server->writable.next != &end) {
        struct conn *conn = CONTAINER_OF(server->writable.next, struct conn, writable);
        list_remove(&conn->writable);
        conn_flush(conn);
    }
    list_remove(&end);
    go_on_late(server);
    if (!list_empty(&server->writable) || !list_empty(&server->late))
        loop_run_again(loop);
}

/* ---- listening ------------------------------------------------------------------------------------------------------ */

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* Bind one more socket. 0, or libuv's error; then nothing is open. */
static int listen_on(struct server *server, const struct listener *listener, const union address *address, bool v6_only)
{
    struct server_socket *socket = &server->sockets[server->sockets_count];
    *socket = (struct server_socket){.server = server, .listener = listener, .delay.expired = delay_over};
    uv_tcp_init(&server->loop->uv, &socket->tcp);
    int error = uv_tcp_bind(&socket->tcp, &address->any, v6_only ? UV_TCP_IPV6ONLY : 0);
    int receive_bytes = server->broker->config->socket_receive_buffer_bytes;
    if (error == 0 && receive_bytes > 0) /* connections inherit it; set later it would not widen their window */
        error = uv_recv_buffer_size((uv_handle_t *)&socket->tcp, &receive_bytes);
    if (error == 0)
        error =
            uv_listen((uv_stream_t *)&socket->tcp, server->broker->config->socket_listen_backlog_size, connection_cb);
    /* a failed one stays in its place until it is closed for good: the next try takes another place */
    server->sockets_count++;
    if (error != 0)
        uv_close((uv_handle_t *)&socket->tcp, NULL);
    return error;
}

static int32_t bound_port(struct server_socket *socket)
{
    union address address;
    int size = sizeof address;
    if (uv_tcp_getsockname(&socket->tcp, &address.any, &size) != 0)
        return 0;
    return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

/* Is it this machine that lacks IPv6, rather than the address that is taken? */
static bool no_such_family(int error)
{
    return error == UV_EAFNOSUPPORT || error == UV_EADDRNOTAVAIL || error == UV_EINVAL;
}

/* Two sockets of one port, one per family. With port 0 the first gets any free port, which the second may find taken.
 */
static int listen_on_both(struct server *server, struct listener *listener, const char *v4, const char *v6)
{
    int error = UV_EADDRINUSE;
    for (int tries = 0; tries < 8 && error == UV_EADDRINUSE; tries++) {
        if (server->sockets_count + 2 > SERVER_SOCKETS_MAX)
            return UV_EMFILE;
        union address address;
        ASSERT(uv_ip4_addr(v4, listener->port, &address.v4) == 0);
        error = listen_on(server, listener, &address, false);
        if (error != 0)
            return error;
        struct server_socket *first = &server->sockets[server->sockets_count - 1];
        int32_t port = bound_port(first);
        ASSERT(uv_ip6_addr(v6, port, &address.v6) == 0);
        error = listen_on(server, listener, &address, true);
        if (error == 0 || no_such_family(error)) {
            listener->port = port;
            return 0;
        }
        uv_close((uv_handle_t *)&first->tcp, NULL);
        if (listener->port != 0)
            return error;
    }
    return error;
}

static int listen_on_name(struct server *server, struct listener *listener)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | AI_PASSIVE}, *found;
    char port[12];
    snprintf(port, sizeof port, "%d", listener->port);
    int error = getaddrinfo(listener->host, port, &hints, &found);
    if (error != 0)
        return UV_EADDRNOTAVAIL;
    union address address = {0};
    memcpy(&address, found->ai_addr, found->ai_addrlen < sizeof address ? found->ai_addrlen : sizeof address);
    freeaddrinfo(found);
    error = listen_on(server, listener, &address, false);
    if (error == 0)
        listener->port = bound_port(&server->sockets[server->sockets_count - 1]);
    return error;
}

void server_release(struct server *server)
{
    for (int i = 0; i < SPARE_BUFFERS; i++)
        free(server->spare[i].bytes);
    hash_map_release(&server->by_address);
    free(server->listener_conns);
    connection_quotas_release(&server->quotas);
}

bool server_start(struct server *server, struct loop *loop, struct broker *broker, int64_t conns_max)
{
    server->loop = loop;
    server->broker = broker;
    server->conns_max = conns_max;
    server->input_bytes_max = INPUT_BYTES_MAX;
    if (broker->config->queued_max_request_bytes > 0)
        server->input_bytes_max = (size_t)broker->config->queued_max_request_bytes;
    uint64_t seed;
    loop->env.random(&loop->env, &seed, sizeof seed);
    hash_map_init(&server->by_address, seed);
    connection_quotas_init(&server->quotas, broker->config, catalog_client_quotas(broker->catalog), seed);
    server->listener_conns = xcalloc((size_t)broker->listeners_count, sizeof *server->listener_conns);
    list_init(&server->conns);
    list_init(&server->writable);
    list_init(&server->writing);
    list_init(&server->late);
    for (int kind = 0; kind < INPUT_CLASSES; kind++)
        list_init(&server->inputs[kind]);
    uv_timer_init(&loop->uv, &server->idle_timer);
    uv_timer_init(&loop->uv, &server->stop_timer);
    loop->server = server;
    loop->flush_output = flush_output;
    for (int i = 0; i < broker->listeners_count; i++) {
        struct listener *listener = &broker->listeners[i];
        int error;
        if (server->sockets_count + 2 > SERVER_SOCKETS_MAX)
            error = UV_EMFILE;
        else if (listener->host[0] == '\0')
            error = listen_on_both(server, listener, "0.0.0.0", "::");
        else if (strcmp(listener->host, "localhost") == 0)
            error = listen_on_both(server, listener, "127.0.0.1", "::1");
        else
            error = listen_on_name(server, listener);
        if (error != 0) {
            LOG_ERROR("Cannot listen", "listener=%s host=%s port=%d error=\"%s\"", listener->name, listener->host,
                      listener->port, uv_strerror(error));
            return false;
        }
    }
    return true;
}

/* ---- stop ----------------------------------------------------------------------------------------------------------- */

static void stop_cb(uv_timer_t *timer)
{
    struct server *server = CONTAINER_OF(timer, struct server, stop_timer);
    list_for_each (&server->conns, node)
        conn_close(CONTAINER_OF(node, struct conn, by_activity), NULL);
    loop_cancel_jobs(server->loop, JOB_CHECK);
}

void server_stop(struct server *server)
{
    server->stopping = true;
    for (int i = 0; i < server->sockets_count; i++) {
        timer_stop(&server->broker->timers, &server->sockets[i].delay);
        server->sockets[i].is_late = false;
        if (!uv_is_closing((uv_handle_t *)&server->sockets[i].tcp))
            uv_close((uv_handle_t *)&server->sockets[i].tcp, NULL);
    }
    uv_close((uv_handle_t *)&server->idle_timer, NULL);
    list_for_each (&server->conns, node)
        conn_finish(CONTAINER_OF(node, struct conn, by_activity));
    if (server->conns_count == 0)
        uv_close((uv_handle_t *)&server->stop_timer, NULL);
    else
        uv_timer_start(&server->stop_timer, stop_cb, STOP_GRACE_MS, 0);
}
