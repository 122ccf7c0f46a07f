/* See legacy_message.h. */
#include "legacy_message.h"

#include "bytes.h"

#include <zlib.h>

#define SIZE_OFFSET  8
#define SIZE_COUNTED 12 /* `size` counts from here on */
#define MAGIC_OFFSET 16
#define BYTES_LEAST  26 /* magic 0, null key, null value */

size_t legacy_message_size(const uint8_t head[LEGACY_HEAD_BYTES])
{
    uint32_t counted = load_be32(head + SIZE_OFFSET);
    bool possible = head[MAGIC_OFFSET] <= 1 && counted <= INT32_MAX && counted >= BYTES_LEAST - SIZE_COUNTED;
    return possible ? (size_t)counted + SIZE_COUNTED : 0;
}

bool legacy_message_crc_ok(const uint8_t *message, size_t size)
{
    uint32_t crc = (uint32_t)crc32_z(0, message + MAGIC_OFFSET, size - MAGIC_OFFSET);
    return crc == load_be32(message + SIZE_COUNTED);
}
