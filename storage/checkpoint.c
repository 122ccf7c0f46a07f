/* The text format of Kafka's checkpoints (its CheckpointFile):
 *
 *     0                      version
 *     2                      number of entries
 *     orders 0 4711          one a line: TOPIC PARTITION OFFSET      in *-offset-checkpoint
 *     orders 1 42            or          EPOCH STARTOFFSET           in leader-epoch-checkpoint
 *
 * The files are written whole, through file_replace(), and read whole. A reader believes nothing: a number that is none
 * or too large, a count that is not met, text behind the last entry: all make the checkpoint a failed one, and its
 * owner goes on without it, which costs time but no data. */
#include "checkpoint.h"

#include <inttypes.h>
#include <string.h>

static void add(struct checkpoint_text *text, const char *line, int size)
{
    ASSERT(size >= 0);
    size_t needed = text->size_bytes + (size_t)size + 1;
    if (needed > text->capacity_bytes) {
        text->capacity_bytes = needed * 2;
        text->bytes = xrealloc(text->bytes, text->capacity_bytes);
    }
    memcpy(text->bytes + text->size_bytes, line, (size_t)size + 1);
    text->size_bytes += (size_t)size;
}

void checkpoint_begin(struct checkpoint_text *text, int64_t count)
{
    char line[32];
    add(text, line, snprintf(line, sizeof line, "0\n%" PRId64 "\n", count));
}

void checkpoint_add_offset(struct checkpoint_text *text, const char *topic, int32_t partition, int64_t offset)
{
    char line[40];
    add(text, topic, (int)strlen(topic));
    add(text, line, snprintf(line, sizeof line, " %" PRId32 " %" PRId64 "\n", partition, offset));
}

void checkpoint_add_epoch(struct checkpoint_text *text, int32_t epoch, int64_t start_offset)
{
    char line[40];
    add(text, line, snprintf(line, sizeof line, "%" PRId32 " %" PRId64 "\n", epoch, start_offset));
}

/* A number from `minimum` to `maximum` that ends with `end`; both are passed. */
static int64_t number(struct checkpoint_reader *reader, int64_t minimum, int64_t maximum, char end)
{
    char *at = reader->at;
    bool negative = *at == '-';
    if (negative)
        at++;
    int64_t value = 0;
    bool good = *at >= '0' && *at <= '9';
    for (; good && *at >= '0' && *at <= '9'; at++) {
        good = value <= (INT64_MAX - 9) / 10;
        if (good)
            value = value * 10 + (*at - '0');
    }
    if (negative)
        value = -value;
    if (good && end == '\n' && *at == '\r')
        at++;
    if (!good || *at != end || value < minimum || value > maximum) {
        reader->failed = true;
        return 0;
    }
    reader->at = at + 1;
    return value;
}

bool checkpoint_read(struct checkpoint_reader *reader, char *text)
{
    *reader = (struct checkpoint_reader){.at = text};
    (void)number(reader, 0, 0, '\n');
    if (!reader->failed)
        reader->entries_left = number(reader, 0, INT32_MAX, '\n');
    return !reader->failed;
}

/* Is there an entry to read? At the end, nothing may follow. */
static bool another(struct checkpoint_reader *reader)
{
    if (reader->failed)
        return false;
    if (reader->entries_left == 0) {
        reader->failed = *reader->at != '\0';
        return false;
    }
    reader->entries_left--;
    return true;
}

bool checkpoint_next_offset(struct checkpoint_reader *reader, const char **topic, int32_t *partition, int64_t *offset)
{
    if (!another(reader))
        return false;
    char *space = strchr(reader->at, ' ');
    if (space == NULL || space == reader->at) {
        reader->failed = true;
        return false;
    }
    *topic = reader->at;
    *space = '\0';
    reader->at = space + 1;
    *partition = (int32_t)number(reader, 0, INT32_MAX, ' ');
    if (!reader->failed)
        *offset = number(reader, 0, STORED_OFFSET_MAX, '\n');
    return !reader->failed;
}

bool checkpoint_next_epoch(struct checkpoint_reader *reader, int32_t *epoch, int64_t *start_offset)
{
    if (!another(reader))
        return false;
    *epoch = (int32_t)number(reader, 0, INT32_MAX, ' ');
    if (!reader->failed)
        *start_offset = number(reader, 0, STORED_OFFSET_MAX, '\n');
    return !reader->failed;
}
