/* Big-endian loads and stores, and the variable-length integers of the Kafka protocol.
 *
 * Everything on Kafka's wire and in its files is big-endian. Varints carry 7 bits a byte, lowest group first, the high
 * bit set on all bytes but the last; the signed ones of records are zigzag-coded first. All functions here work on raw
 * memory without alignment; the readers of varints take the bytes that are left and never pass them. */
#ifndef DOHLE_PROTOCOL_BYTES_H
#define DOHLE_PROTOCOL_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define VARINT_BYTES_MAX   5  /* 32 bits in groups of 7 */
#define VARLONG_BYTES_MAX  10 /* 64 bits in groups of 7 */
#define VARINT_SHORT_BYTES 3  /* what uvarint_load_short() reads at most */

static inline uint16_t load_be16(const void *from)
{
    uint16_t value;
    memcpy(&value, from, sizeof value);
    return __builtin_bswap16(value);
}

static inline uint32_t load_be32(const void *from)
{
    uint32_t value;
    memcpy(&value, from, sizeof value);
    return __builtin_bswap32(value);
}

static inline uint64_t load_be64(const void *from)
{
    uint64_t value;
    memcpy(&value, from, sizeof value);
    return __builtin_bswap64(value);
}

static inline void store_be16(void *to, uint16_t value)
{
    value = __builtin_bswap16(value);
    memcpy(to, &value, sizeof value);
}

static inline void store_be32(void *to, uint32_t value)
{
    value = __builtin_bswap32(value);
    memcpy(to, &value, sizeof value);
}

static inline void store_be64(void *to, uint64_t value)
{
    value = __builtin_bswap64(value);
    memcpy(to, &value, sizeof value);
}

static inline int32_t unzigzag32(uint32_t value)
{
    return (int32_t)((value >> 1) ^ (~(value & 1) + 1));
}

static inline uint64_t zigzag64(int64_t value)
{
    return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
}

static inline int64_t unzigzag64(uint64_t value)
{
    return (int64_t)((value >> 1) ^ (~(value & 1) + 1));
}

/* Bytes that `value` takes as an unsigned varint: 1 to VARINT_BYTES_MAX. */
static inline size_t uvarint_size(uint32_t value)
{
    return (size_t)(38 - __builtin_clz(value | 1)) / 7;
}

/* Write an unsigned varlong (a varint is a small one); returns the bytes written. The caller keeps the room. */
static inline size_t uvarlong_store(uint8_t *to, uint64_t value)
{
    size_t size = 0;
    while (value >= 0x80) {
        to[size++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    to[size++] = (uint8_t)value;
    return size;
}

/* Read an unsigned varint of at most `left` bytes. Returns the bytes taken, or 0 when it does not end within them, is
 * longer than VARINT_BYTES_MAX, or does not fit 32 bits. */
static inline size_t uvarint_load(const uint8_t *from, size_t left, uint32_t *value)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < left && i < VARINT_BYTES_MAX; i++) {
        sum |= (uint64_t)(from[i] & 0x7f) << (7 * i);
        if (from[i] < 0x80) {
            *value = (uint32_t)sum;
            return sum <= UINT32_MAX ? i + 1 : 0;
        }
    }
    return 0;
}

/* Read an unsigned varint of one, two or three bytes at from[*at], and move *at behind it. Reads up to
 * VARINT_SHORT_BYTES without asking what is left. False for a longer one; then *at means nothing. */
static inline __attribute__((always_inline)) bool uvarint_load_short(const uint8_t *from, size_t *at, uint32_t *value)
{
    uint32_t sum = from[(*at)++];
    if (sum & 0x80) {
        uint32_t byte = from[(*at)++];
        sum += (byte << 7) - 0x80; /* the bit that said that one more follows is taken off again */
        if (__builtin_expect(byte & 0x80, 0)) {
            byte = from[(*at)++];
            sum += (byte << 14) - (0x80 << 7);
            if (byte & 0x80)
                return false;
        }
    }
    *value = sum;
    return true;
}

/* As uvarint_load() for 64 bits. */
static inline size_t uvarlong_load(const uint8_t *from, size_t left, uint64_t *value)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < left && i < VARLONG_BYTES_MAX; i++) {
        uint64_t group = from[i] & 0x7f;
        if (i == VARLONG_BYTES_MAX - 1 && group > 1)
            return 0;
        sum |= group << (7 * i);
        if (from[i] < 0x80) {
            *value = sum;
            return i + 1;
        }
    }
    return 0;
}

#endif
