/* SipHash (Aumasson, Bernstein 2012): a hash of bytes that nobody can steer who does not know the key.
 *
 * With one round a word and three at the end, as hash tables of other languages use it. The wide result has 128 bits:
 * among a billion different inputs two of them are equal with a chance of one in 10^20. */
#ifndef DOHLE_PROTOCOL_SIPHASH_H
#define DOHLE_PROTOCOL_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t siphash(const uint64_t key[2], const void *bytes, size_t size);
void siphash_wide(const uint64_t key[2], const void *bytes, size_t size, uint64_t hash[2]);

#endif
