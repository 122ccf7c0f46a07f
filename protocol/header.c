/* Request and response headers.
 *
 *     request 1    int16 api key, int16 version, int32 correlation id, nullable string client id
 *     request 2    the same, then tagged fields
 *     response 0   int32 correlation id
 *     response 1   the same, then tagged fields
 *
 * Flexible versions of an API use request 2 and response 1. Two exceptions. The client id keeps its int16 length in
 * request 2, so that a broker can read it before it knows the rest. An ApiVersions response always has header 0, as the
 * client that asks does not know yet what the broker speaks (KIP-511). A version above those that we know counts as
 * flexible if the API ever became so: that is how Kafka reads the header of an ApiVersions request from the future.
 *
 * We define no tagged fields of headers; those of a peer are skipped. */
#include "header.h"

#include "messages.h"

#define FIXED_BYTES 8 /* key, version, correlation id */

static bool is_flexible(int16_t api_key, int16_t version)
{
    const struct kp_api *api = kp_api_find(api_key);
    return api != NULL && version >= api->flexible_from;
}

static bool has_response_tags(int16_t api_key, int16_t version)
{
    return api_key != KP_API_API_VERSIONS && is_flexible(api_key, version);
}

bool kp_request_header_decode(struct kp_request_header *header, struct kp_reader *reader)
{
    header->api_key = kp_read_int16(reader);
    header->api_version = kp_read_int16(reader);
    header->correlation_id = kp_read_int32(reader);
    header->client_id = kp_read_string(reader, false);
    if (header->client_id.size < 0)
        header->client_id = KP_EMPTY_STRING;
    if (is_flexible(header->api_key, header->api_version))
        kp_read_skip_tags(reader);
    return reader->error == KP_READ_OK;
}

size_t kp_request_header_size(const struct kp_request_header *header)
{
    size_t client_id_bytes = sizeof(int16_t) + (header->client_id.size > 0 ? (size_t)header->client_id.size : 0);
    return FIXED_BYTES + client_id_bytes + (is_flexible(header->api_key, header->api_version) ? 1 : 0);
}

void kp_request_header_encode(struct kp_writer *writer, const struct kp_request_header *header)
{
    kp_write_int16(writer, header->api_key);
    kp_write_int16(writer, header->api_version);
    kp_write_int32(writer, header->correlation_id);
    kp_write_string(writer, header->client_id, false);
    if (is_flexible(header->api_key, header->api_version))
        kp_write_uvarint(writer, 0);
}

size_t kp_response_header_size(int16_t api_key, int16_t version)
{
    return sizeof(int32_t) + (has_response_tags(api_key, version) ? 1 : 0);
}

void kp_response_header_encode(struct kp_writer *writer, int16_t api_key, int16_t version, int32_t correlation_id)
{
    kp_write_int32(writer, correlation_id);
    if (has_response_tags(api_key, version))
        kp_write_uvarint(writer, 0);
}

bool kp_response_header_decode(int32_t *correlation_id, struct kp_reader *reader, int16_t api_key, int16_t version)
{
    *correlation_id = kp_read_int32(reader);
    if (has_response_tags(api_key, version))
        kp_read_skip_tags(reader);
    return reader->error == KP_READ_OK;
}
