/* CRC-32C (Castagnoli), as in record batches and producer snapshots. Uses the processor's instructions where it has
 * them. See crc32c.c. */
#ifndef DOHLE_PROTOCOL_CRC32C_H
#define DOHLE_PROTOCOL_CRC32C_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The checksum of `size` bytes; `crc` is 0 at first, then the result of the bytes before. */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t size);

/* The ways behind crc32c(), for tests: by tables, by CRC instructions, by folding (crc32c_fold.c). The latter two may
 * be called only when the processor has what they need. All give the same result. */
uint32_t crc32c_portable(uint32_t crc, const void *bytes, size_t size);
uint32_t crc32c_hardware(uint32_t crc, const void *bytes, size_t size);
bool crc32c_hardware_present(void);
uint32_t crc32c_folded(uint32_t crc, const void *bytes, size_t size);
bool crc32c_folded_present(void);

#endif
