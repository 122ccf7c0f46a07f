/* Names in a data folder and in the folder of a partition.
 *
 *     orders-0                                           a partition; the last '-' splits
 *     orders-0.0123456789abcdef0123456789abcdef-delete   its topic was deleted: to be removed
 *     orders-0.0123456789abcdef0123456789abcdef-stray    no topic claims it; kept for a person to look at
 *     orders-0.0123456789abcdef0123456789abcdef-future   a copy that moves between data folders
 *
 *     00000000000000000042.log                           a segment's file; also .index .timeindex .txnindex .snapshot
 *     00000000000000000042.log.deleted                   to be removed
 *     00000000000000000042.log.cleaned                   compaction's output, not complete
 *     00000000000000000042.log.swap                      complete, about to replace what it was made from
 *     00000000000000000042.snapshot.tmp                  a small file that was being written */
#include "log_internal.h"

#include <string.h>

#define OFFSET_DIGITS  20
#define NAME_MAX_BYTES 255

bool file_name_parse(const char *name, struct file_name *result)
{
    uint64_t offset = 0;
    for (int i = 0; i < OFFSET_DIGITS; i++) {
        if (name[i] < '0' || name[i] > '9' || offset > INT64_MAX / 10)
            return false;
        offset = offset * 10 + (uint64_t)(name[i] - '0');
    }
    if (offset > STORED_OFFSET_MAX)
        return false;
    const char *rest = name + OFFSET_DIGITS;
    for (int kind = 0; kind < FILE_KINDS; kind++) {
        size_t length = strlen(file_kind_text[kind]);
        if (strncmp(rest, file_kind_text[kind], length) != 0)
            continue;
        for (int suffix = 0; suffix < FILE_SUFFIXES; suffix++) {
            if (strcmp(rest + length, file_suffix_text[suffix]) == 0) {
                *result = (struct file_name){(int64_t)offset, (enum file_kind)kind, (enum file_suffix)suffix};
                return true;
            }
        }
    }
    return false;
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);
    return length > end_length && strcmp(text + length - end_length, end) == 0;
}

enum folder_kind folder_name_kind(const char *name)
{
    if (ends_with(name, "-delete"))
        return FOLDER_DELETE;
    if (ends_with(name, "-stray"))
        return FOLDER_STRAY;
    if (ends_with(name, "-future"))
        return FOLDER_FUTURE;
    const char *dash = strrchr(name, '-');
    if (dash == NULL || dash == name || dash[1] == '\0')
        return FOLDER_OTHER;
    return strspn(dash + 1, "0123456789") == strlen(dash + 1) ? FOLDER_PARTITION : FOLDER_OTHER;
}

void folder_name_aside(const char *topic, int32_t partition, struct kp_uuid id, const char *suffix, char name[256])
{
    char tail[64];
    int length = snprintf(tail, sizeof tail, "-%d.", (int)partition);
    for (size_t i = 0; i < sizeof id.bytes; i++)
        length += snprintf(tail + length, sizeof tail - (size_t)length, "%02x", id.bytes[i]);
    length += snprintf(tail + length, sizeof tail - (size_t)length, "%s", suffix);
    snprintf(name, 256, "%.*s%s", NAME_MAX_BYTES - length, topic, tail);
}
