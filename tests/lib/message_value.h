/* Messages as values, by the text form of the codec (protocol/codec_text.h), with four things added that make
 * scenarios readable: error codes by their names; record batches as lists (batch_value.h); subscriptions and
 * assignments of classic consumers as objects, {version: 0, topics: ["t"]}, where they are bytes of exactly that form;
 * and in requests fields that a version lacks are left out, so that one text serves all versions. */
#ifndef DOHLE_TESTS_LIB_MESSAGE_VALUE_H
#define DOHLE_TESTS_LIB_MESSAGE_VALUE_H

#include "value.h"

#include "../../protocol/codec.h"

/* Encode the fields of `value`, which holds no names any more; record times not given are `timestamp_ms`. False:
 * *error. */
bool message_from_value(const struct kp_schema *schema, int16_t version, const struct value *value,
                        int64_t timestamp_ms, struct arena *arena, struct kp_string *bytes, const char **error);

/* Decode bytes into a value with all the fields of the version. NULL: *error. */
struct value *message_to_value(const struct kp_schema *schema, int16_t version, const void *bytes, size_t size,
                               struct arena *arena, const char **error);

/* The code of the error of that name, such as OFFSET_OUT_OF_RANGE. False: there is none. */
bool error_code_of(struct kp_string name, int16_t *code);

#endif
