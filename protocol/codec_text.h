/* Messages as one line of text, for logs, failed tests and the scenarios of the conformance suite; and back.
 *
 *     {max_wait_ms: 500, rack_id: "", topics: [{topic: "a", topic_id: "AAAAAAAAAAAAAAAAAAAAAQ", partitions: null}]}
 *
 * As JSON, but names need no quotes, bytes are written x"0a0b", and strings may hold any byte as \xHH. Integers may be
 * given as 0x7f. Reading also takes line breaks, # comments up to the end of the line, and a comma after the last item.
 */
#ifndef DOHLE_PROTOCOL_CODEC_TEXT_H
#define DOHLE_PROTOCOL_CODEC_TEXT_H

#include "codec.h"

#define KP_ALL_VERSIONS (-1)

/* Text in the caller's memory, always terminated; what does not fit is counted but not written, as snprintf() does. */
struct kp_text {
    char *data;
    size_t capacity;  /* bytes at data, the final zero included; at least 1 */
    size_t size;      /* characters that were to be written; text is cut when size >= capacity */
    size_t bytes_max; /* bytes and records longer than this print as <1234 bytes>, which cannot be read back */
};

/* `bytes_max` 0 is for logs: no record contents there. SIZE_MAX prints all. */
void kp_text_init(struct kp_text *text, char *data, size_t capacity, size_t bytes_max);

/* Append the fields of `version` in their order; KP_ALL_VERSIONS: all fields. */
void kp_print(const struct kp_schema *schema, const void *message, int16_t version, struct kp_text *text);
/* Append one field's value (a whole array when it is one). */
void kp_print_field(const struct kp_field *field, const void *message, int16_t version, struct kp_text *text);

struct kp_parse_error {
    size_t position;  /* in the text, where it went wrong */
    char message[96]; /* one sentence for people */
};

/* Fill `message` from text; fields that are not named get their default. Arrays, strings and bytes come from the arena.
 * False: *error says what and where. The text must be one struct with nothing but white space around it. */
bool kp_parse(const struct kp_schema *schema, void *message, const char *text, size_t size, struct arena *arena,
              struct kp_parse_error *error) WARN_UNUSED;

#endif
