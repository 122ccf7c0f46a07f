/* CRC-32C (Castagnoli), as in record batches and producer snapshots. The fastest way of this machine is chosen at the first
 * call. See crc32c.c. */
#ifndef DOHLE_PROTOCOL_CRC32C_H
#define DOHLE_PROTOCOL_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* The checksum of `size` bytes; `crc` is 0 at first, then the result of the bytes before. */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t size);

#endif
