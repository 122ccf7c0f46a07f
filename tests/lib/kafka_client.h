/* A client connection for test programs: blocking, one frame at a time, every wait bounded. Knows frames, no messages.
 */
#ifndef DOHLE_TESTS_LIB_KAFKA_CLIENT_H
#define DOHLE_TESTS_LIB_KAFKA_CLIENT_H

#include "../../protocol/base.h"

#include <stdbool.h>
#include <stdint.h>

struct kafka_client {
    int socket; /* -1: not connected */
};

enum client_result {
    CLIENT_OK,
    CLIENT_CLOSED, /* by the broker, also by a reset */
    CLIENT_TIMEOUT,
    CLIENT_ERROR, /* a frame larger than any answer of a test */
};

/* Milliseconds of a clock that only goes forward; of the wall clock, since 1970. */
int64_t client_mono_ms(void);
int64_t client_wall_ms(void);

/* Connect to a host name or address (IPv6 without brackets). False: errno says why. */
bool kafka_client_open(struct kafka_client *client, const char *host, int32_t port) WARN_UNUSED;
void kafka_client_close(struct kafka_client *client);

/* Send all bytes. False when the broker has closed the connection or takes nothing for 10 seconds. */
bool kafka_client_send(struct kafka_client *client, const void *bytes, size_t size);
/* Receive one frame: *frame is its bytes behind the length, from malloc, the caller frees it. */
enum client_result kafka_client_receive(struct kafka_client *client, int64_t timeout_ms, uint8_t **frame, size_t *size);
/* Is anything there to read, or the connection closed, within `timeout_ms`? */
bool kafka_client_readable(struct kafka_client *client, int64_t timeout_ms);

#endif
