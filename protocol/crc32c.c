/* CRC-32C: the polynomial 0x1EDC6F41 of Castagnoli, reflected, begun and ended with all bits inverted.
 *
 * Three ways to one result. Folding, where the processor multiplies 64 bytes at once (crc32c_fold.c): 35 to 50 GB/s of
 * what is in its cache. CRC instructions, where it has them (x86: SSE 4.2, arm64: CRC32), 15 GB/s: one takes 8 bytes
 * but has its result only 3 cycles later, so three streams side by side keep it busy:
 *
 *     |<- stride ->|<- stride ->|<- stride ->|        crc(A B C) = shift(shift(crc(A)) ^ crc(B)) ^ crc(C)
 *     A............|B...........|C...........|        shift: append a stride of zero bytes
 *
 * Tables elsewhere: eight of them, one for each byte of a 64-bit word ("slicing by eight").
 *
 * Both a table for slicing and a shift are linear over the bits of their argument, so eight constants decide a table of
 * 256 entries: TABLE() writes it out when this file is compiled. Constant tables need no initialisation and so no lock;
 * the way is chosen at each call by asking what the C library already knows about the processor. */
#include "crc32c.h"

#include <string.h>

#if defined(__x86_64__) || defined(__i386__)
#define CRC_X86 1
#include <nmmintrin.h>
#elif defined(__aarch64__)
#define CRC_ARM 1
#include <arm_acle.h>
#ifndef __APPLE__
#include <sys/auxv.h>
#endif
#endif

/* 256 entries: entry n is the sum of those of a..h whose bit is set in n. */
#define TABLE(a, b, c, d, e, f, g, h)                                                                                  \
    {                                                                                                                  \
        HALF(0u, a, b, c, d, e, f, g), HALF(h, a, b, c, d, e, f, g)                                                    \
    }
#define HALF(x, a, b, c, d, e, f, g) QUARTER(x, a, b, c, d, e, f), QUARTER((x) ^ (g), a, b, c, d, e, f)
#define QUARTER(x, a, b, c, d, e, f) ROWS_32(x, a, b, c, d, e), ROWS_32((x) ^ (f), a, b, c, d, e)
#define ROWS_32(x, a, b, c, d, e)    ROWS_16(x, a, b, c, d), ROWS_16((x) ^ (e), a, b, c, d)
#define ROWS_16(x, a, b, c, d)       ROWS_8(x, a, b, c), ROWS_8((x) ^ (d), a, b, c)
#define ROWS_8(x, a, b, c)           ROWS_4(x, a, b), ROWS_4((x) ^ (c), a, b)
#define ROWS_4(x, a, b)              (x), (x) ^ (a), (x) ^ (b), (x) ^ (a) ^ (b)

/* [k][n]: the checksum register after byte n and k zero bytes, begun with 0. */
static const uint32_t slices[8][256] = {
    TABLE(0xf26b8303, 0xe13b70f7, 0xc79a971f, 0x8ad958cf, 0x105ec76f, 0x20bd8ede, 0x417b1dbc, 0x82f63b78),
    TABLE(0x13a29877, 0x274530ee, 0x4e8a61dc, 0x9d14c3b8, 0x3fc5f181, 0x7f8be302, 0xff17c604, 0xfbc3faf9),
    TABLE(0xa541927e, 0x4f6f520d, 0x9edea41a, 0x38513ec5, 0x70a27d8a, 0xe144fb14, 0xc76580d9, 0x8b277743),
    TABLE(0xdd45aab8, 0xbf672381, 0x7b2231f3, 0xf64463e6, 0xe964b13d, 0xd725148b, 0xaba65fe7, 0x52a0c93f),
    TABLE(0x38116fac, 0x7022df58, 0xe045beb0, 0xc5670b91, 0x8f2261d3, 0x1ba8b557, 0x37516aae, 0x6ea2d55c),
    TABLE(0xef306b19, 0xdb8ca0c3, 0xb2f53777, 0x6006181f, 0xc00c303e, 0x85f4168d, 0x0e045beb, 0x1c08b7d6),
    TABLE(0x68032cc8, 0xd0065990, 0xa5e0c5d1, 0x4e2dfd53, 0x9c5bfaa6, 0x3d5b83bd, 0x7ab7077a, 0xf56e0ef4),
    TABLE(0x493c7d27, 0x9278fa4e, 0x211d826d, 0x423b04da, 0x847609b4, 0x0d006599, 0x1a00cb32, 0x34019664),
};

static uint32_t portable_bytes(uint32_t state, const uint8_t *at, size_t size)
{
    for (size_t i = 0; i < size; i++)
        state = (state >> 8) ^ slices[0][(state ^ at[i]) & 0xff];
    return state;
}

uint32_t crc32c_portable(uint32_t crc, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    uint32_t state = ~crc;
    for (; size >= 8; at += 8, size -= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        word ^= state;
        state = slices[7][word & 0xff] ^ slices[6][word >> 8 & 0xff] ^ slices[5][word >> 16 & 0xff] ^
                slices[4][word >> 24 & 0xff] ^ slices[3][word >> 32 & 0xff] ^ slices[2][word >> 40 & 0xff] ^
                slices[1][word >> 48 & 0xff] ^ slices[0][word >> 56];
    }
    return ~portable_bytes(state, at, size);
}

#if defined(CRC_X86) || defined(CRC_ARM)

#ifdef CRC_X86
#define WITH_CRC_INSTRUCTIONS __attribute__((target("sse4.2")))
#define CRC_BYTE(state, byte) _mm_crc32_u8(state, byte)
#ifdef __x86_64__
#define CRC_WORD(state, word) ((uint32_t)_mm_crc32_u64(state, word))
#else
#define CRC_WORD(state, word) _mm_crc32_u32(_mm_crc32_u32(state, (uint32_t)(word)), (uint32_t)((word) >> 32))
#endif
#else
#ifdef __clang__
#define WITH_CRC_INSTRUCTIONS __attribute__((target("crc")))
#else
#define WITH_CRC_INSTRUCTIONS __attribute__((target("+crc")))
#endif
#define CRC_BYTE(state, byte) __crc32cb(state, byte)
#define CRC_WORD(state, word) __crc32cd(state, word)
#endif

/* Large enough that the shifts cost little, small enough that a batch of some kB uses three streams. */
#define STRIDE_LONG  2048
#define STRIDE_SHORT 128

/* [k][n]: byte n at place k of the register, after a stride of zero bytes. */
static const uint32_t shift_long[4][256] = {
    TABLE(0xf7506984, 0xeb4ca5f9, 0xd3753d03, 0xa3060cf7, 0x43e06f1f, 0x87c0de3e, 0x0a6dca8d, 0x14db951a),
    TABLE(0x29b72a34, 0x536e5468, 0xa6dca8d0, 0x48552751, 0x90aa4ea2, 0x24b8ebb5, 0x4971d76a, 0x92e3aed4),
    TABLE(0x202b2b59, 0x405656b2, 0x80acad64, 0x04b52c39, 0x096a5872, 0x12d4b0e4, 0x25a961c8, 0x4b52c390),
    TABLE(0x96a58720, 0x28a778b1, 0x514ef162, 0xa29de2c4, 0x40d7b379, 0x81af66f2, 0x06b2bb15, 0x0d65762a),
};
static const uint32_t shift_short[4][256] = {
    TABLE(0x6992cea2, 0xd3259d44, 0xa3a74c79, 0x42a2ee03, 0x8545dc06, 0x0f67cefd, 0x1ecf9dfa, 0x3d9f3bf4),
    TABLE(0x7b3e77e8, 0xf67cefd0, 0xe915a951, 0xd7c72453, 0xaa623e57, 0x51280a5f, 0xa25014be, 0x414c5f8d),
    TABLE(0x8298bf1a, 0x00dd08c5, 0x01ba118a, 0x03742314, 0x06e84628, 0x0dd08c50, 0x1ba118a0, 0x37423140),
    TABLE(0x6e846280, 0xdd08c500, 0xbffdfcf1, 0x7a178f13, 0xf42f1e26, 0xedb24abd, 0xde88e38b, 0xb8fdb1e7),
};

static uint32_t shift(const uint32_t table[4][256], uint32_t state)
{
    return table[0][state & 0xff] ^ table[1][state >> 8 & 0xff] ^ table[2][state >> 16 & 0xff] ^ table[3][state >> 24];
}

WITH_CRC_INSTRUCTIONS static inline uint32_t crc_word_at(uint32_t state, const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return CRC_WORD(state, word);
}

/* Three strides of `stride` bytes at `at`. */
WITH_CRC_INSTRUCTIONS static inline uint32_t crc_three(uint32_t state, const uint8_t *at, size_t stride,
                                                       const uint32_t table[4][256])
{
    uint32_t second = 0, third = 0;
    for (const uint8_t *end = at + stride; at < end; at += 8) {
        state = crc_word_at(state, at);
        second = crc_word_at(second, at + stride);
        third = crc_word_at(third, at + 2 * stride);
    }
    return shift(table, shift(table, state) ^ second) ^ third;
}

WITH_CRC_INSTRUCTIONS uint32_t crc32c_hardware(uint32_t crc, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    uint32_t state = ~crc;
    for (; size >= 3 * STRIDE_LONG; at += 3 * STRIDE_LONG, size -= 3 * STRIDE_LONG)
        state = crc_three(state, at, STRIDE_LONG, shift_long);
    for (; size >= 3 * STRIDE_SHORT; at += 3 * STRIDE_SHORT, size -= 3 * STRIDE_SHORT)
        state = crc_three(state, at, STRIDE_SHORT, shift_short);
    for (; size >= 8; at += 8, size -= 8)
        state = crc_word_at(state, at);
    for (; size > 0; at++, size--)
        state = CRC_BYTE(state, *at);
    return ~state;
}

bool crc32c_hardware_present(void)
{
#ifdef CRC_X86
    return __builtin_cpu_supports("sse4.2");
#elif defined(__APPLE__)
    return true; /* every arm64 Mac has it */
#else
    enum { HWCAP_CRC32_BIT = 1 << 7 }; /* HWCAP_CRC32 of Linux, which not every libc names */
    return (getauxval(AT_HWCAP) & HWCAP_CRC32_BIT) != 0;
#endif
}

#else /* neither x86 nor arm64 */

uint32_t crc32c_hardware(uint32_t crc, const void *bytes, size_t size)
{
    return crc32c_portable(crc, bytes, size);
}

bool crc32c_hardware_present(void)
{
    return false;
}

#endif

uint32_t crc32c(uint32_t crc, const void *bytes, size_t size)
{
    if (crc32c_folded_present())
        return crc32c_folded(crc, bytes, size);
    return crc32c_hardware_present() ? crc32c_hardware(crc, bytes, size) : crc32c_portable(crc, bytes, size);
}
