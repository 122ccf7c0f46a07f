/* CRC-32C: known values, and the ways to compute it against each other. */
#include "protocol/crc32c.h"
#include "protocol/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

typedef uint32_t crc_function(uint32_t crc, const void *bytes, size_t size);

/* By the definition, bit by bit. */
static uint32_t crc32c_by_bits(uint32_t crc, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    crc = ~crc;
    for (size_t i = 0; i < size; i++) {
        crc ^= at[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    return ~crc;
}

static void fill(uint8_t *bytes, size_t size)
{
    uint32_t seed = 1;
    for (size_t i = 0; i < size; i++) {
        seed = seed * 1664525u + 1013904223u;
        bytes[i] = (uint8_t)(seed >> 24);
    }
}

/* RFC 3720, appendix B.4, and the check value of the catalogue of CRCs. */
static void crc32c_gives_the_published_values(void **state)
{
    (void)state;
    uint8_t zeros[32] = {0}, ones[32], up[32], down[32];
    memset(ones, 0xff, sizeof ones);
    for (int i = 0; i < 32; i++) {
        up[i] = (uint8_t)i;
        down[i] = (uint8_t)(31 - i);
    }
    assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283u);
    assert_int_equal(crc32c(0, zeros, 32), 0x8a9136aau);
    assert_int_equal(crc32c(0, ones, 32), 0x62a8ab43u);
    assert_int_equal(crc32c(0, up, 32), 0x46dd794eu);
    assert_int_equal(crc32c(0, down, 32), 0x113fdb5cu);
    assert_int_equal(crc32c(0, "", 0), 0);
}

static void agrees_with_the_definition(crc_function *function)
{
    enum { SIZE = 13000 };
    uint8_t *bytes = xmalloc(SIZE + 8);
    fill(bytes, SIZE + 8);
    for (size_t start = 0; start < 8; start++) {
        for (size_t size = 0; size <= 800; size++)
            assert_int_equal(function(0, bytes + start, size), crc32c_by_bits(0, bytes + start, size));
        for (size_t size = 6000; size <= SIZE; size += 611)
            assert_int_equal(function(77, bytes + start, size), crc32c_by_bits(77, bytes + start, size));
    }
    free(bytes);
}

static void crc32c_by_tables_agrees_with_the_definition_at_every_size_and_alignment(void **state)
{
    (void)state;
    agrees_with_the_definition(crc32c_portable);
}

static void crc32c_by_instructions_agrees_with_the_definition_at_every_size_and_alignment(void **state)
{
    (void)state;
    if (!crc32c_hardware_present())
        skip();
    agrees_with_the_definition(crc32c_hardware);
}

static void crc32c_by_folding_agrees_with_the_definition_at_every_size_and_alignment(void **state)
{
    (void)state;
    if (!crc32c_folded_present())
        skip();
    agrees_with_the_definition(crc32c_folded);
}

static void crc32c_of_pieces_is_that_of_the_whole(void **state)
{
    (void)state;
    uint8_t bytes[7000];
    fill(bytes, sizeof bytes);
    uint32_t whole = crc32c(0, bytes, sizeof bytes);
    for (size_t cut = 0; cut <= sizeof bytes; cut += 67)
        assert_int_equal(crc32c(crc32c(0, bytes, cut), bytes + cut, sizeof bytes - cut), whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc32c_gives_the_published_values),
        cmocka_unit_test(crc32c_by_tables_agrees_with_the_definition_at_every_size_and_alignment),
        cmocka_unit_test(crc32c_by_instructions_agrees_with_the_definition_at_every_size_and_alignment),
        cmocka_unit_test(crc32c_by_folding_agrees_with_the_definition_at_every_size_and_alignment),
        cmocka_unit_test(crc32c_of_pieces_is_that_of_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
