/* A connection: a socket on one side, the broker's struct peer on the other.
 *
 * Reading. One read takes up to 256 KiB into a buffer that all connections share. Frames that lie wholly in it are
 * served in place. What is left, the beginning of a frame or requests that must wait, goes into the connection's own
 * buffer, which grows with what has arrived and never on the word of a length prefix; the rest of the frame is read
 * directly into it. From a peer that sends much at once what follows that frame is read with it, up to 256 KiB again:
 * so a stream of frames of 64 KiB is read with a call for each three or four of them, and an eighth of its bytes is
 * copied.
 *
 *     input:  [length][frame ........][length][frame][len          <- begins with a frame that is not handled
 *
 * In a turn that has no time left no more is read of large frames than one part of the one that waited longest, and the
 * ends of connections wait too: who is late goes on behind the answers, in the order of coming.
 *
 * A frame that is handled over several turns is kept: in the buffer that it came in, where this was the connection's
 * own, or in a copy. What came behind it goes on in another one.
 *
 * While a request that holds the connection is parked, frames wait here; we go on reading up to a bound, so that we
 * notice when the peer goes away. Behind the bound its going is watched for alone, on a second descriptor of the
 * socket: libuv does not watch one that it is not to read. A peer that does not take its answers is not read either.
 * Behind an answer that throttles its client frames wait in the same way until that time is over; what came before the
 * client's end is then still carried out.
 *
 * Writing, at the end of the turn. Memory pieces and small slices of logs go out in one sendmsg(), large slices by
 * sendfile() from the log's descriptor. What the socket does not take at once is handed to uv_write(), one bounded
 * chunk at a time; its callback resumes. After a few MB the other connections have their turn.
 *
 * Stopping. Answers leave, then our end of the stream; what still comes is read and dropped until the peer closes.
 *
 * Closing. An undecodable or oversized frame, an I/O error inside an answer, a stalled peer at a full budget:
 * uv_close(), and the struct is freed in its callback; a write in flight is called back before that. */
#include "conn.h"

#include "config.h"
#include "logger.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/sendfile.h>
#endif

#ifdef __linux__
#define SEND_FLAGS MSG_NOSIGNAL
#define SEND_MORE  MSG_MORE
#else /* SIGPIPE is ignored there by the program, and nobody needs to know that more follows */
#define SEND_FLAGS 0
#define SEND_MORE  0
#endif

#define LENGTH_BYTES    4
#define INPUT_BYTES_MIN KIB(1)
#define IOV_MAX_PIECES  32
#define NO_INPUT_MEMORY "the memory for requests is used up"

static void start_requests(struct conn *conn);

static void conn_touch(struct conn *conn)
{
    struct server *server = conn->server;
    conn->active_ms = server->loop->env.now(&server->loop->env).mono_ms;
    list_remove(&conn->by_activity);
    list_append(&server->conns, &conn->by_activity);
    if (!list_empty(&conn->by_input)) {
        list_remove(&conn->by_input);
        list_append(&server->inputs[conn->input_class], &conn->by_input);
    }
}

static enum input_class input_class(const struct conn *conn)
{
    if (conn->input == NULL && conn->kept == NULL)
        return INPUT_NONE;
    size_t bytes = conn->input_capacity + (conn->kept != NULL ? conn->kept_capacity : 0);
    bool waits = !peer_may_start(&conn->peer);
    if (bytes > LARGE_INPUT_BYTES)
        return waits ? INPUT_LARGE_WAITING : INPUT_LARGE;
    return waits ? INPUT_SMALL_WAITING : INPUT_SMALL;
}

/* After its input or its requests have changed: it is in the list of its class, where it is found when memory is short.
 */
static void input_classify(struct conn *conn)
{
    enum input_class class = input_class(conn);
    if (class == conn->input_class)
        return;
    conn->input_class = class;
    list_remove(&conn->by_input);
    if (class != INPUT_NONE)
        list_append(&conn->server->inputs[class], &conn->by_input);
}

static void conn_wants_turn(struct conn *conn)
{
    if (!conn->closed && list_empty(&conn->writable))
        list_append(&conn->server->writable, &conn->writable);
}

/* ---- closing -------------------------------------------------------------------------------------------------------- */

static void input_drop(struct conn *conn)
{
    if (conn->input != NULL)
        server_buffer_put(conn->server, conn->input, conn->input_capacity);
    conn->input = NULL;
    conn->input_size = conn->input_capacity = 0;
}

/* The frame that was kept is not needed any more. */
static void kept_drop(struct conn *conn)
{
    if (conn->kept != NULL)
        server_buffer_put(conn->server, conn->kept, conn->kept_capacity);
    conn->kept = NULL;
}

static void free_when_released(struct conn *conn)
{
    if (!conn->released || conn->warming)
        return;
    free(conn->write_chunk);
    free(conn);
}

static void close_cb(uv_handle_t *handle)
{
    struct conn *conn = handle->data;
    conn->released = --conn->handles == 0;
    free_when_released(conn);
}

static void close_handles(struct conn *conn)
{
    conn->tcp.data = conn->watch.data = conn;
    uv_close((uv_handle_t *)&conn->tcp, close_cb);
    if (conn->watch_descriptor < 0)
        return;
    uv_close((uv_handle_t *)&conn->watch, close_cb);
    close(conn->watch_descriptor);
}

void conn_close(struct conn *conn, const char *reason)
{
    if (conn->closed)
        return;
    conn->closed = true;
    if (reason != NULL)
        LOG_PEER_WARN("Closed a connection", "peer=%s client=\"%s\" reason=\"%s\"", conn->peer.remote,
                      conn->peer.client_software, reason);
    list_remove(&conn->by_activity);
    list_remove(&conn->by_input);
    list_remove(&conn->writing);
    list_remove(&conn->writable);
    list_remove(&conn->late);
    if (conn->server->next == conn)
        conn->server->next = NULL;
    if (conn->address != NULL)
        server_address_put(conn->server, conn->address);
    input_drop(conn);
    peer_gone(&conn->peer);
    kept_drop(conn);
    close_handles(conn);
    server_conn_closed(conn->server, conn->peer.listener);
}

static void reading_stop(struct conn *conn)
{
    if (conn->reading)
        uv_read_stop((uv_stream_t *)&conn->tcp);
    conn->reading = false;
}

void conn_finish(struct conn *conn)
{
    conn->finished = true;
    reading_stop(conn);
    conn_wants_turn(conn);
}

/* ---- reading -------------------------------------------------------------------------------------------------------- */

static bool output_backed_up(const struct conn *conn)
{
    return conn->peer.memory_bytes > OUTPUT_BYTES_HIGH || conn->peer.requests_count >= OUTPUT_REQUESTS_MAX;
}

static bool may_start(const struct conn *conn)
{
    return !conn->closed && !conn->finished && !conn->peer.closing && peer_may_start(&conn->peer) &&
           !output_backed_up(conn);
}

/* A large request may take long, and so may one of a connection whose last one did. When such a one took long, no
 * further one has its turn in this turn of the loop: so others wait for one of them at most, however many come. */
static bool waits_for_next_turn(const struct conn *conn, size_t frame_bytes)
{
    struct server *server = conn->server;
    if (frame_bytes <= LARGE_FRAME_BYTES && !conn->slow)
        return false;
    if (server->slow_turn == server->loop->turns && !turn_has_time(&server->loop->turn))
        return true;
    server->slow_turn = server->loop->turns;
    return false;
}

/* Was the connection reset? What its peer asked for has waited, and nobody is there for the answer. */
static bool is_gone(const struct conn *conn)
{
    uv_os_fd_t descriptor;
    struct pollfd poll_now = {.events = 0};
    if (uv_fileno((const uv_handle_t *)&conn->tcp, &descriptor) != 0)
        return false;
    poll_now.fd = descriptor;
    return poll(&poll_now, 1, 0) == 1 && (poll_now.revents & POLLERR) != 0;
}

/* Does a whole frame begin the `size` bytes? */
static bool is_whole_frame(const uint8_t *bytes, size_t size)
{
    return size >= LENGTH_BYTES && size - LENGTH_BYTES >= load_be32(bytes);
}

/* `behind` bytes follow the frame. */
static void handle_frame(struct conn *conn, uint8_t *frame, size_t size, size_t behind)
{
    const struct turn_times *times = &conn->server->loop->times;
    int64_t began_ns = times->piece_ns; /* a frame is a piece of the turn's work */
    conn->peer.more_follows = is_whole_frame(frame + size, behind);
    broker_handle_frame(&conn->peer, frame, size);
    conn->slow = times->piece_ns - began_ns > TURN_PARTS_NS;
}

/* Handle the whole frames at the front of `size` bytes; returns the bytes that are used up. Zero with conn->closed or
 * conn->peer.closing: a frame that cannot be. */
static size_t handle_frames(struct conn *conn, uint8_t *bytes, size_t size)
{
    size_t used = 0;
    while (size - used >= LENGTH_BYTES && may_start(conn)) {
        int32_t length = (int32_t)load_be32(bytes + used);
        if (length < 0 || length > conn->server->broker->config->socket_request_max_bytes) {
            char reason[96];
            snprintf(reason, sizeof reason, "it announced a request of %d bytes (socket.request.max.bytes is %d)",
                     length, conn->server->broker->config->socket_request_max_bytes);
            conn_close(conn, reason);
            break;
        }
        if ((size_t)length > size - used - LENGTH_BYTES)
            break;
        if (!server_has_room(conn->server, conn)) {
            conn_wants_turn(conn); /* what was answered in this turn may leave in it */
            break;
        }
        if (waits_for_next_turn(conn, (size_t)length)) {
            conn->delayed = true;
            conn_wants_turn(conn);
            break;
        }
        if (conn->delayed && is_gone(conn)) {
            conn_close(conn, NULL);
            break;
        }
        conn->delayed = false;
        uint8_t *frame = bytes + used + LENGTH_BYTES;
        used += LENGTH_BYTES + (size_t)length;
        handle_frame(conn, frame, (size_t)length, size - used);
    }
    broker_frames_handled(&conn->peer);
    return used;
}

/* Bytes of the first frame in the input with its length; 0 when even the length is not whole. */
static size_t first_frame_bytes(const struct conn *conn)
{
    return conn->input_size < LENGTH_BYTES ? 0 : LENGTH_BYTES + (size_t)load_be32(conn->input);
}

/* Is what follows the first frame of the input to be read with it? */
static bool reads_on(const struct conn *conn)
{
    return conn->read_size >= STREAM_BYTES && first_frame_bytes(conn) <= READ_BUFFER_BYTES / 2 && may_start(conn);
}

/* Make room for `size` bytes in conn->input: twice the room of before, but not more than its frame needs. False: there
 * is no memory for it, and the connection is to be closed. */
static bool input_reserve(struct conn *conn, size_t size)
{
    if (reads_on(conn) && size < READ_BUFFER_BYTES)
        size = READ_BUFFER_BYTES;
    if (size <= conn->input_capacity)
        return true;
    size_t wanted = conn->input_capacity < INPUT_BYTES_MIN / 2 ? INPUT_BYTES_MIN : conn->input_capacity * 2;
    size_t frame = first_frame_bytes(conn), capacity;
    wanted = frame >= size && frame < wanted ? frame : wanted;
    wanted = wanted < size ? size : wanted;
    bool in_place = conn->input_capacity >= SPARE_BUFFER_BYTES;
    uint8_t *larger = in_place ? server_buffer_grow(conn->server, conn, conn->input, conn->input_capacity, wanted)
                               : server_buffer_get(conn->server, conn, wanted, &capacity);
    if (larger == NULL)
        return false;
    size_t kept = conn->input_size;
    if (in_place) {
        capacity = wanted;
    } else {
        if (kept > 0)
            memcpy(larger, conn->input, kept);
        input_drop(conn);
    }
    conn->input = larger;
    conn->input_size = kept;
    conn->input_capacity = capacity;
    return true;
}

/* Must more of a large frame wait for a later turn? Who waited longest has not to wait again: so nobody waits for ever
 * beside others who send all the time. */
static bool is_put_off(struct conn *conn, size_t missing_bytes, bool has_time)
{
    struct server *server = conn->server;
    if (missing_bytes <= LARGE_FRAME_BYTES || has_time)
        return false;
    if (server->next != conn)
        return true;
    server->next = NULL;
    return false;
}

static void alloc_cb(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    (void)suggested;
    struct conn *conn = CONTAINER_OF(handle, struct conn, tcp);
    size_t frame = first_frame_bytes(conn);
    bool has_time = turn_has_time(&conn->server->loop->turn);
    if (frame <= conn->input_size) {
        *buffer = uv_buf_init((char *)conn->server->read_buffer, has_time ? READ_BUFFER_BYTES : LATE_READ_BYTES);
        return;
    }
    conn->put_off = is_put_off(conn, frame - conn->input_size, has_time);
    /* the rest of a frame directly into its place; grown by what has arrived */
    if (!conn->put_off && input_reserve(conn, conn->input_size + 1)) {
        size_t room = conn->input_capacity - conn->input_size;
        size_t wanted = (reads_on(conn) ? READ_BUFFER_BYTES : frame) - conn->input_size;
        wanted = wanted < room ? wanted : room;
        *buffer = uv_buf_init((char *)conn->input + conn->input_size,
                              (unsigned)(wanted < FRAME_READ_BYTES ? wanted : FRAME_READ_BYTES));
        return;
    }
    *buffer = uv_buf_init(NULL, 0); /* read_cb is told UV_ENOBUFS; nothing may be closed in here */
}

static void read_cb(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer);

/* Others have their turn first. */
static void conn_is_late(struct conn *conn)
{
    reading_stop(conn);
    if (list_empty(&conn->late))
        list_append(&conn->server->late, &conn->late);
}

/* Its peer has closed. A thousand that do so at once take several turns. */
static void see_end(struct conn *conn)
{
    if (turn_has_time(&conn->server->loop->turn)) {
        conn_close(conn, NULL);
        return;
    }
    conn->is_over = true;
    conn_is_late(conn);
}

static void gone_cb(uv_poll_t *watch, int status, int events)
{
    (void)status;
    (void)events;
    uv_poll_stop(watch);
    see_end(CONTAINER_OF(watch, struct conn, watch));
}

/* Be told when the peer goes, or not. Without a descriptor for it that is noticed later. */
static void watch_adjust(struct conn *conn, bool wanted)
{
    uv_os_fd_t descriptor;
    if (wanted && conn->watch_descriptor < 0 && uv_fileno((uv_handle_t *)&conn->tcp, &descriptor) == 0) {
        int copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
        if (copy >= 0 && uv_poll_init(&conn->server->loop->uv, &conn->watch, copy) == 0) {
            conn->watch_descriptor = copy;
            conn->handles++;
        } else if (copy >= 0) {
            close(copy);
        }
    }
    if (conn->watch_descriptor < 0)
        return;
    if (wanted)
        uv_poll_start(&conn->watch, UV_DISCONNECT, gone_cb);
    else
        uv_poll_stop(&conn->watch);
}

/* Read on, or not: not with a bound reached behind a parked request or the end of the turn, nor when answers are not
 * taken. */
static void reading_adjust(struct conn *conn)
{
    if (conn->closed)
        return;
    input_classify(conn);
    if (conn->lingers || !list_empty(&conn->late))
        return;
    bool waits = !may_start(conn) || !list_empty(&conn->writable);
    bool wanted = !conn->finished && !conn->ended && !conn->peer.closing && !output_backed_up(conn) &&
                  !(waits && conn->input_size >= WAITING_INPUT_BYTES_MAX);
    watch_adjust(conn, !wanted && !conn->finished && conn->peer.parked_count > 0 && !conn->peer.working);
    if (wanted == conn->reading)
        return;
    if (!wanted)
        reading_stop(conn);
    else if (uv_read_start((uv_stream_t *)&conn->tcp, alloc_cb, read_cb) == 0)
        conn->reading = true;
    else
        conn_close(conn, "its socket cannot be read");
}

/* Put what is left of `bytes` behind the input. */
static void input_keep(struct conn *conn, const uint8_t *bytes, size_t size)
{
    if (size == 0)
        return;
    if (!input_reserve(conn, conn->input_size + size)) {
        conn_close(conn, NO_INPUT_MEMORY);
        return;
    }
    memcpy(conn->input + conn->input_size, bytes, size);
    conn->input_size += size;
}

/* Handle what waits in the input as far as it may start. A peer that has sent its end needs nothing any more but this.
 */
static void start_requests(struct conn *conn)
{
    if (conn->input_size > 0 && may_start(conn)) {
        /* a frame may be large and its handling may close the connection, which drops the input: it is taken out first
         */
        uint8_t *bytes = conn->input;
        size_t size = conn->input_size;
        conn->handled = bytes;
        conn->handled_capacity = conn->input_capacity;
        conn->input = NULL;
        conn->input_size = conn->input_capacity = 0;
        size_t used = handle_frames(conn, bytes, size);
        if (conn->keeps && !conn->closed) {
            conn->kept = bytes;
            conn->kept_capacity = conn->handled_capacity;
            input_keep(conn, bytes + used, size - used);
        } else if (conn->closed || used == size) {
            server_buffer_put(conn->server, bytes, conn->handled_capacity);
        } else {
            memmove(bytes, bytes + used, size - used);
            conn->input = bytes;
            conn->input_size = size - used;
            conn->input_capacity = conn->handled_capacity;
        }
        conn->handled = NULL;
        conn->keeps = false;
    }
    if (conn->ended && may_start(conn))
        conn_finish(conn);
    reading_adjust(conn);
}

/* What was read: behind the input, where alloc_cb() wanted it, or in the shared buffer. */
static void take_bytes(struct conn *conn, uint8_t *bytes, size_t size)
{
    conn->read_size = size;
    if (bytes != conn->server->read_buffer) {
        conn->input_size += size;
        if (conn->input_size >= first_frame_bytes(conn))
            start_requests(conn);
        else
            reading_adjust(conn);
        return;
    }
    if (conn->input_size > 0) {
        input_keep(conn, bytes, size);
        if (!conn->closed)
            start_requests(conn);
        return;
    }
    size_t used = handle_frames(conn, bytes, size);
    if (conn->closed)
        return;
    input_keep(conn, bytes + used, size - used);
    reading_adjust(conn);
}

void conn_go_on(struct conn *conn)
{
    list_remove(&conn->late);
    if (conn->is_over) {
        conn_close(conn, NULL);
        return;
    }
    if (conn->put_off)
        conn_touch(conn); /* it did not stall: we kept it waiting */
    reading_adjust(conn);
}

static void read_cb(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    struct conn *conn = CONTAINER_OF(stream, struct conn, tcp);
    if (conn->closed || count == 0)
        return;
    bool waits = conn->peer.working || conn->peer.muted;
    if (count == UV_EOF && waits && conn->input_size > 0 && !conn->lingers) {
        conn->ended = true; /* it may have sent records with acks 0 and left */
        reading_stop(conn);
        return;
    }
    if (count == UV_ENOBUFS && conn->put_off) {
        conn_touch(conn);
        conn_is_late(conn);
        return;
    }
    if (count == UV_ENOBUFS) {
        conn_close(conn, NO_INPUT_MEMORY);
        return;
    }
    if (count < 0) {
        see_end(conn);
        return;
    }
    if (conn->lingers)
        return;
    conn_touch(conn);
    struct turn *turn = &conn->server->loop->turn;
    take_bytes(conn, (uint8_t *)buffer->base, (size_t)count);
    if ((size_t)count > LARGE_FRAME_BYTES)
        turn_did(turn, "reading");
    /* after a full buffer libuv would read on, up to 32 times */
    if (!conn->closed && conn->reading && (size_t)count == buffer->len && !turn_has_time(turn))
        conn_is_late(conn);
}

/* Say that no more answers come, and take what the peer still sends until it closes too. Closing with unread bytes
 * would be a reset, which takes away answers that the peer has not read: it would repeat requests that were carried
 * out. */
static void linger(struct conn *conn)
{
    uv_os_fd_t descriptor;
    if (uv_fileno((uv_handle_t *)&conn->tcp, &descriptor) != 0 || shutdown(descriptor, SHUT_WR) != 0 ||
        uv_read_start((uv_stream_t *)&conn->tcp, alloc_cb, read_cb) != 0) {
        conn_close(conn, NULL);
        return;
    }
    list_remove(&conn->late);
    input_drop(conn);
    input_classify(conn);
    conn->reading = true;
    conn->lingers = true;
}

/* Close if nothing is left to do. At a stop, whose grace has an end, the peer is given the time to read its answers. */
static void close_when_done(struct conn *conn)
{
    if (!conn->finished || conn->lingers || !list_empty(&conn->peer.requests) || conn->write_size > 0)
        return;
    if (conn->server->stopping)
        linger(conn);
    else
        conn_close(conn, NULL);
}

/* ---- writing -------------------------------------------------------------------------------------------------------- */

/* `size` bytes of the oldest pieces are sent. */
static void pieces_sent(struct conn *conn, size_t size)
{
    conn->piece_sent += size;
    struct out_piece *piece;
    while (peer_output(&conn->peer, &piece, 1) == 1 && conn->piece_sent >= piece->size_bytes) {
        conn->piece_sent -= piece->size_bytes;
        peer_sent(&conn->peer);
    }
}

static void write_cb(uv_write_t *write, int status)
{
    struct conn *conn = CONTAINER_OF(write, struct conn, write);
    size_t size = conn->write_size;
    conn->write_size = 0;
    list_remove(&conn->writing);
    if (conn->closed)
        return;
    if (status != 0) {
        conn_close(conn, NULL);
        return;
    }
    conn_touch(conn);
    pieces_sent(conn, size);
    conn_flush(conn);
}

/* The socket takes nothing now: let libuv wait for it with one chunk. False: closed. */
static bool write_later(struct conn *conn, struct out_piece *piece)
{
    size_t left = piece->size_bytes - conn->piece_sent;
    uv_buf_t buffer;
    if (piece->bytes != NULL) {
        left = left < SEND_BYTES_PER_TURN ? left : SEND_BYTES_PER_TURN;
        buffer = uv_buf_init((char *)(uintptr_t)(piece->bytes + conn->piece_sent), (unsigned)left);
    } else {
        left = left < WRITE_CHUNK_BYTES ? left : WRITE_CHUNK_BYTES;
        if (conn->write_chunk == NULL)
            conn->write_chunk = xmalloc(WRITE_CHUNK_BYTES);
        int error = log_slice_read(&piece->slice, (int32_t)conn->piece_sent, conn->write_chunk, left);
        log_slice_unpin(&piece->slice);
        if (error != 0) {
            conn_close(conn, "the log could not be read");
            return false;
        }
        buffer = uv_buf_init((char *)conn->write_chunk, (unsigned)left);
    }
    conn->write_size = left;
    if (uv_write(&conn->write, (uv_stream_t *)&conn->tcp, &buffer, 1, write_cb) != 0) {
        conn->write_size = 0;
        conn_close(conn, NULL);
        return false;
    }
    list_append(&conn->server->writing, &conn->writing);
    return true;
}

static void warm_work(struct job *job)
{
    struct conn *conn = CONTAINER_OF(job, struct conn, warm);
    uint8_t bytes[KIB(64)];
    for (size_t done = 0; done < conn->warm_size;) {
        size_t left = conn->warm_size - done, part = left < sizeof bytes ? left : sizeof bytes;
        if (log_slice_read(&conn->warm_slice, conn->warm_from + (int32_t)done, bytes, part) != 0)
            return; /* sending it meets the same error */
        done += part;
    }
}

static void warm_done(struct job *job, bool canceled)
{
    (void)canceled;
    struct conn *conn = CONTAINER_OF(job, struct conn, warm);
    conn->warming = false;
    conn->warmed = true;
    log_slice_release(&conn->warm_slice);
    if (conn->closed)
        free_when_released(conn);
    else
        conn_flush(conn);
}

/* Have a part of a slice read by the pool, so that the loop need not wait for the disk. */
static void warm_slice(struct conn *conn, const struct out_piece *piece, size_t size)
{
    struct executor *executor = conn->server->loop->env.executor;
    conn->warming = true;
    conn->warm_slice = piece->slice;
    log_slice_ref(&conn->warm_slice);
    conn->warm_from = (int32_t)conn->piece_sent;
    conn->warm_size = size;
    conn->warm = (struct job){.kind = JOB_READ, .name = "cold read", .work = warm_work, .done = warm_done};
    executor->submit(executor, &conn->warm);
}

/* Send from the front of a large slice: straight from the log's file, once it is in memory. As send_some(). */
static ssize_t send_slice(struct conn *conn, int descriptor, struct out_piece *piece)
{
    size_t left = piece->size_bytes - conn->piece_sent;
    left = left < SEND_BYTES_PER_TURN ? left : SEND_BYTES_PER_TURN;
    int from = log_slice_descriptor(&piece->slice);
    if (from < -1) {
        errno = EIO;
        return -1;
    }
    if (!conn->warmed && !log_slice_cached(&piece->slice, (int32_t)conn->piece_sent, left)) {
        warm_slice(conn, piece, left);
        errno = EINPROGRESS;
        return -1;
    }
    conn->warmed = false;
#ifdef __linux__
    if (from >= 0) {
        off_t position = piece->slice.position + (off_t)conn->piece_sent;
        return sendfile(descriptor, from, &position, left);
    }
#endif
    (void)descriptor;
    errno = EAGAIN; /* through memory, by write_later() */
    return -1;
}

/* Write the front of the output: small pieces together, or a large slice. Returns the bytes sent, 0 when there is
 * nothing, -1 with errno: EINPROGRESS when what is to be sent must be read first, and conn_flush() is called again
 * after that. */
static ssize_t send_some(struct conn *conn, int descriptor, struct out_piece **first)
{
    struct out_piece *pieces[IOV_MAX_PIECES];
    struct iovec iov[IOV_MAX_PIECES];
    int count = peer_output(&conn->peer, pieces, IOV_MAX_PIECES), used = 0;
    if (count == 0)
        return 0;
    *first = pieces[0];
    size_t copied = 0, skip = conn->piece_sent;
    bool more = false;
    for (; used < count; used++, skip = 0) {
        struct out_piece *piece = pieces[used];
        size_t size = piece->size_bytes - skip;
        const uint8_t *bytes = piece->bytes == NULL ? NULL : piece->bytes + skip;
        if (bytes == NULL) {
            more = size > SENDFILE_BYTES_MIN || size > READ_BUFFER_BYTES - copied;
            if (more)
                break;
            uint8_t *scratch = conn->server->read_buffer + copied; /* nothing is being read in this part of the turn */
            if (log_slice_read(&piece->slice, (int32_t)skip, scratch, size) != 0) {
                errno = EIO;
                return -1;
            }
            copied += size;
            bytes = scratch;
        }
        iov[used] = (struct iovec){.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
    }
    if (used == 0)
        return send_slice(conn, descriptor, pieces[0]);
    struct msghdr message = {.msg_iov = iov, .msg_iovlen = (size_t)used};
    return sendmsg(descriptor, &message, SEND_FLAGS | (more ? SEND_MORE : 0));
}

void conn_flush(struct conn *conn)
{
    if (conn->is_over)
        return;
    if (conn->turned_away) {
        conn_close(conn, "its address opens connections too fast (connection_creation_rate)");
        return;
    }
    size_t sent = 0;
    uv_os_fd_t descriptor;
    while (!conn->closed && conn->write_size == 0 && !conn->warming) {
        if (sent >= SEND_BYTES_PER_TURN || (sent > 0 && !turn_has_time(&conn->server->loop->turn))) {
            conn_wants_turn(conn);
            return;
        }
        if (uv_fileno((uv_handle_t *)&conn->tcp, &descriptor) != 0)
            return;
        struct out_piece *first = NULL;
        ssize_t count = send_some(conn, descriptor, &first);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0 && errno == EINPROGRESS)
            break;
        if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            if (!write_later(conn, first))
                return;
            break;
        }
        if (count < 0) {
            conn_close(conn, errno == EIO ? "the log could not be read" : NULL);
            return;
        }
        if (count == 0 && first != NULL) {
            conn_close(conn, "the log ended inside an answer");
            return;
        }
        if (count == 0)
            break;
        conn_touch(conn);
        sent += (size_t)count;
        pieces_sent(conn, (size_t)count);
    }
    if (conn->closed)
        return;
    start_requests(conn);
    if (!conn->closed)
        close_when_done(conn);
}

/* ---- the broker's calls --------------------------------------------------------------------------------------------- */

static void output_ready(struct peer *peer)
{
    conn_wants_turn(CONTAINER_OF(peer, struct conn, peer));
}

static uint8_t *keep_frame(struct peer *peer, uint8_t *frame, size_t size)
{
    struct conn *conn = CONTAINER_OF(peer, struct conn, peer);
    ASSERT(conn->kept == NULL);
    if (conn->handled != NULL) {
        conn->keeps = true;
        return frame;
    }
    conn->kept = server_buffer_get(conn->server, conn, size, &conn->kept_capacity);
    if (conn->kept != NULL)
        memcpy(conn->kept, frame, size);
    return conn->kept;
}

static void drop_frame(struct peer *peer)
{
    struct conn *conn = CONTAINER_OF(peer, struct conn, peer);
    conn->keeps = false;
    kept_drop(conn);
}

static void peer_close(struct peer *peer, const char *reason)
{
    struct conn *conn = CONTAINER_OF(peer, struct conn, peer);
    if (reason != NULL)
        LOG_PEER_WARN("Closes a connection", "peer=%s client=\"%s\" reason=\"%s\"", peer->remote, peer->client_software,
                      reason);
    conn_finish(conn);
}

/* ---- accepting ------------------------------------------------------------------------------------------------------ */

/* The text of an address; an IPv4 one that came in over IPv6 is shown as what it is. Returns the port. */
static int32_t address_text(const struct sockaddr_storage *address, char *text, size_t size)
{
    if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
        if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
            uv_inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], text, size);
        else
            uv_ip6_name(v6, text, size);
        return ntohs(v6->sin6_port);
    }
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
    uv_ip4_name(v4, text, size);
    return ntohs(v4->sin_port);
}

void conn_accept(struct server *server, struct server_socket *socket, const char *refusal)
{
    struct conn *conn = xcalloc(1, sizeof *conn);
    conn->server = server;
    conn->watch_descriptor = -1;
    conn->handles = 1;
    list_init(&conn->writable);
    list_init(&conn->writing);
    list_init(&conn->late);
    list_init(&conn->by_input);
    conn->input_class = INPUT_NONE;
    list_init(&conn->by_activity);
    peer_init(&conn->peer, server->broker, socket->listener);
    conn->peer.output_ready = output_ready;
    conn->peer.close = peer_close;
    conn->peer.keep_frame = keep_frame;
    conn->peer.drop_frame = drop_frame;
    uv_tcp_init(&server->loop->uv, &conn->tcp);
    conn_touch(conn);
    struct sockaddr_storage address;
    int size = sizeof address;
    char host[64];
    if (uv_accept((uv_stream_t *)&socket->tcp, (uv_stream_t *)&conn->tcp) != 0 ||
        uv_tcp_getsockname(&conn->tcp, (struct sockaddr *)&address, &size) != 0) {
        conn_close(conn, NULL); /* it went away while it waited */
        return;
    }
    conn->peer.local_port = address_text(&address, conn->peer.local_host, sizeof conn->peer.local_host);
    size = sizeof address;
    if (uv_tcp_getpeername(&conn->tcp, (struct sockaddr *)&address, &size) != 0) {
        conn_close(conn, NULL);
        return;
    }
    int32_t port = address_text(&address, host, sizeof host);
    snprintf(conn->peer.remote, sizeof conn->peer.remote, strchr(host, ':') != NULL ? "[%s]:%d" : "%s:%d", host, port);
    conn->address = server_address_get(server, &address);
    if (conn->address->count > connection_quotas_most_of(server->broker->config, conn->address->bytes))
        refusal = "its address has too many connections (max.connections.per.ip)";
    if (refusal != NULL) {
        conn_close(conn, refusal);
        return;
    }
    int32_t listener = server_listener_index(server, socket->listener), wait_ms;
    struct env *env = server->broker->env;
    wait_ms = connection_quotas_record_address(&server->quotas, listener, conn->address->bytes, env->now(env).mono_ms);
    if (wait_ms > 0) {
        conn->turned_away = true;
        peer_mute(&conn->peer, wait_ms);
        return;
    }
    int send_bytes = server->broker->config->socket_send_buffer_bytes;
    if (send_bytes > 0)
        uv_send_buffer_size((uv_handle_t *)&conn->tcp, &send_bytes);
    uv_tcp_nodelay(&conn->tcp, 1);
    uv_tcp_keepalive(&conn->tcp, 1, 60);
    reading_adjust(conn);
}
