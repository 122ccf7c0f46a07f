/* Request and response headers, and their exceptions. See header.c. */
#ifndef DOHLE_PROTOCOL_HEADER_H
#define DOHLE_PROTOCOL_HEADER_H

#include "wire.h"

struct kp_request_header {
    int16_t api_key, api_version;
    int32_t correlation_id;
    struct kp_string client_id; /* never null after decoding: Kafka takes null for empty */
};

/* Read the header in front of a request's body. An unknown key is read as a header without tagged fields, so the caller
 * can name what it refuses. False: reader->error; key, version and correlation id are set if the first 8 bytes were
 * there. */
bool kp_request_header_decode(struct kp_request_header *header, struct kp_reader *reader) WARN_UNUSED;

/* For our own clients: what goes in front of a request's body. A null client_id is written as null. */
size_t kp_request_header_size(const struct kp_request_header *header);
void kp_request_header_encode(struct kp_writer *writer, const struct kp_request_header *header);

/* What goes in front of a response's body. */
size_t kp_response_header_size(int16_t api_key, int16_t version);
void kp_response_header_encode(struct kp_writer *writer, int16_t api_key, int16_t version, int32_t correlation_id);

/* For our own clients. The version is that of the request. */
bool kp_response_header_decode(int32_t *correlation_id, struct kp_reader *reader, int16_t api_key,
                               int16_t version) WARN_UNUSED;

#endif
