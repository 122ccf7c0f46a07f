/* CRC-32C by folding: carry-less multiplication of 64 bytes at once (x86-64 with AVX-512 and VPCLMULQDQ).
 *
 * A checksum is the remainder of the message as a polynomial, so a piece of the message may be replaced by another one
 * of the same remainder that stands further behind:
 *
 *     | sum: 64 bytes | ...distance... | next 64 bytes |        next ^= sum * x^distance mod P
 *
 * Each 64 bits of the sum are multiplied by a constant of 32 bits, which gives less than 128; so both halves of each
 * 128 bits have a constant of their own. Four sums side by side hide the time that a multiplication takes. At the end
 * they are folded into one, and what is left, 64 bytes and the tail behind them, goes through the CRC instructions. */
#include "crc32c.h"

/* What the compilers know since about 2018. */
#if defined(__x86_64__) && (defined(__clang__) || __GNUC__ >= 9)
#include <immintrin.h>

#define WITH_FOLDING __attribute__((target("sse4.2,avx512f,vpclmulqdq")))

#define SUM_BYTES 64
#define SUMS      4

/* x^(distance + 31) for the first half of 128 bits and x^(distance - 33) for the second, mod P, reflected: the product
 * of two reflected words is off by one bit, and a constant of 32 bits stands in the low half of its word. */
#define FOLD_BY_ONE_SUM   _mm512_broadcast_i32x4(_mm_set_epi64x(0x9e4addf8, 0x740eef02))
#define FOLD_BY_FOUR_SUMS _mm512_broadcast_i32x4(_mm_set_epi64x(0xb9e02b86, 0xdcb17aa4))

WITH_FOLDING static inline __m512i fold(__m512i sum, __m512i constants, __m512i next)
{
    __m512i first = _mm512_clmulepi64_epi128(sum, constants, 0x00);
    __m512i second = _mm512_clmulepi64_epi128(sum, constants, 0x11);
    return _mm512_ternarylogic_epi64(first, second, next, 0x96); /* the exclusive or of all three */
}

WITH_FOLDING uint32_t crc32c_folded(uint32_t crc, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    if (size < SUMS * SUM_BYTES)
        return crc32c_hardware(crc, bytes, size);
    __m512i sums[SUMS];
    for (int i = 0; i < SUMS; i++)
        sums[i] = _mm512_loadu_si512(at + i * SUM_BYTES);
    sums[0] = _mm512_xor_si512(sums[0], _mm512_zextsi128_si512(_mm_cvtsi32_si128((int)~crc)));
    at += SUMS * SUM_BYTES;
    size -= SUMS * SUM_BYTES;
    for (; size >= SUMS * SUM_BYTES; at += SUMS * SUM_BYTES, size -= SUMS * SUM_BYTES) {
        for (int i = 0; i < SUMS; i++)
            sums[i] = fold(sums[i], FOLD_BY_FOUR_SUMS, _mm512_loadu_si512(at + i * SUM_BYTES));
    }
    __m512i sum = sums[0];
    for (int i = 1; i < SUMS; i++)
        sum = fold(sum, FOLD_BY_ONE_SUM, sums[i]);
    for (; size >= SUM_BYTES; at += SUM_BYTES, size -= SUM_BYTES)
        sum = fold(sum, FOLD_BY_ONE_SUM, _mm512_loadu_si512(at));
    uint8_t left[SUM_BYTES];
    _mm512_storeu_si512(left, sum);
    return crc32c_hardware(crc32c_hardware(UINT32_MAX, left, sizeof left), at, size);
}

bool crc32c_folded_present(void)
{
    return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("avx512f") &&
           __builtin_cpu_supports("vpclmulqdq");
}

#else

uint32_t crc32c_folded(uint32_t crc, const void *bytes, size_t size)
{
    return crc32c_portable(crc, bytes, size);
}

bool crc32c_folded_present(void)
{
    return false;
}

#endif
