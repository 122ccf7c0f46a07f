/* A blocking client connection. The socket does not block; poll() waits, so that every wait has an end. */
#include "kafka_client.h"

#include "../../protocol/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SEND_TIMEOUT_MS 10000
#define FRAME_BYTES_MAX (256 << 20) /* more than any test asks for */

/* A send to a peer that is gone is an error, not a signal. macOS knows that as an option of the socket. */
#ifdef MSG_NOSIGNAL
#define SEND_FLAGS MSG_NOSIGNAL
#else
#define SEND_FLAGS 0
#endif

static void client_ignore_sigpipe(int opened)
{
#ifdef SO_NOSIGPIPE
    int one = 1;
    setsockopt(opened, SOL_SOCKET, SO_NOSIGPIPE, &one, sizeof one);
#else
    (void)opened;
#endif
}

static int64_t clock_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t client_mono_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

int64_t client_wall_ms(void)
{
    return clock_ms(CLOCK_REALTIME);
}

bool kafka_client_open(struct kafka_client *client, const char *host, int32_t port)
{
    char service[16];
    snprintf(service, sizeof service, "%d", port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *addresses = NULL;
    client->socket = -1;
    if (getaddrinfo(host, service, &hints, &addresses) != 0) {
        errno = EHOSTUNREACH;
        return false;
    }
    for (const struct addrinfo *address = addresses; address && client->socket < 0; address = address->ai_next) {
        int opened = socket(address->ai_family, address->ai_socktype, address->ai_protocol);
        if (opened < 0)
            continue;
        client_ignore_sigpipe(opened);
        int one = 1;
        if (connect(opened, address->ai_addr, address->ai_addrlen) == 0 && fcntl(opened, F_SETFL, O_NONBLOCK) == 0 &&
            setsockopt(opened, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) == 0)
            client->socket = opened;
        else
            close(opened);
    }
    freeaddrinfo(addresses);
    return client->socket >= 0;
}

void kafka_client_close(struct kafka_client *client)
{
    if (client->socket >= 0)
        close(client->socket);
    client->socket = -1;
}

static bool client_wait(const struct kafka_client *client, short events, int64_t timeout_ms)
{
    struct pollfd wanted = {.fd = client->socket, .events = events};
    int64_t until = client_mono_ms() + timeout_ms;
    for (;;) {
        int64_t left = until - client_mono_ms();
        int count = poll(&wanted, 1, left > 0 ? (int)(left < INT32_MAX ? left : INT32_MAX) : 0);
        if (count > 0 || left <= 0)
            return count > 0;
    }
}

bool kafka_client_send(struct kafka_client *client, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    while (size) {
        ssize_t sent = send(client->socket, at, size, SEND_FLAGS);
        if (sent > 0) {
            at += sent;
            size -= (size_t)sent;
        } else if (errno != EAGAIN && errno != EINTR) {
            return false;
        } else if (!client_wait(client, POLLOUT, SEND_TIMEOUT_MS)) {
            return false;
        }
    }
    return true;
}

static enum client_result client_receive_exactly(struct kafka_client *client, uint8_t *bytes, size_t size,
                                                 int64_t until_ms)
{
    while (size) {
        ssize_t received = recv(client->socket, bytes, size, 0);
        if (received > 0) {
            bytes += received;
            size -= (size_t)received;
        } else if (received == 0 || (errno != EAGAIN && errno != EINTR)) {
            return CLIENT_CLOSED;
        } else if (!client_wait(client, POLLIN, until_ms - client_mono_ms())) {
            return CLIENT_TIMEOUT;
        }
    }
    return CLIENT_OK;
}

enum client_result kafka_client_receive(struct kafka_client *client, int64_t timeout_ms, uint8_t **frame, size_t *size)
{
    int64_t until_ms = client_mono_ms() + timeout_ms;
    uint8_t length[4];
    *frame = NULL;
    enum client_result result = client_receive_exactly(client, length, sizeof length, until_ms);
    if (result != CLIENT_OK)
        return result;
    *size = load_be32(length);
    if (*size > FRAME_BYTES_MAX)
        return CLIENT_ERROR;
    *frame = xmalloc(*size + 1);
    result = client_receive_exactly(client, *frame, *size, until_ms);
    if (result != CLIENT_OK) {
        free(*frame);
        *frame = NULL;
    }
    return result;
}

bool kafka_client_readable(struct kafka_client *client, int64_t timeout_ms)
{
    return client_wait(client, POLLIN, timeout_ms);
}
