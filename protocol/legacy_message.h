/* Messages of Apache Kafka before 0.11 (magic 0 and 1), as they may lie in old folders: known, and not read.
 *
 *     0        8      12       16      17
 *     +--------+------+--------+-------+-- ...
 *     | offset | size | CRC-32 | magic | attributes, (timestamp,) key, value
 *     +--------+------+--------+-------+-- ...
 *
 * `size` counts what follows it. The checksum is zlib's CRC-32, of everything from the magic on. */
#ifndef DOHLE_PROTOCOL_LEGACY_MESSAGE_H
#define DOHLE_PROTOCOL_LEGACY_MESSAGE_H

#include "base.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEGACY_HEAD_BYTES 17

/* The size of the whole message that begins so; 0 when none does. The size is the file's word: compare it with what is
 * left. */
size_t legacy_message_size(const uint8_t head[LEGACY_HEAD_BYTES]);
/* Is the checksum of a whole message right? */
bool legacy_message_crc_ok(const uint8_t *message, size_t size);

#endif
