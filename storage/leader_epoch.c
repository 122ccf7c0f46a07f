/* Leader epochs of a log, kept in leader-epoch-checkpoint (format: checkpoint.c).
 *
 *     epoch     1            4      6
 *     offset    0 ---------- 57 --- 60 ------------> log end
 *
 * Every batch carries the epoch of the leader that appended it; an entry says where an epoch's first batch begins. A
 * client that lost track asks where an epoch ended and learns whether what it read was cut away (KIP-101, KIP-279,
 * KIP-320).
 *
 * Rules. (1) Epochs and offsets strictly ascend. (2) No entry begins beyond the log end, or, after cutting at the
 * start, before the log start. (3) The file may lag behind the batches after a crash: recovery assigns the epochs of
 * the batches that it scans, and a file that cannot be read is made again from the headers of all batches. */
#include "leader_epoch.h"

#include "checkpoint.h"

#include <errno.h>
#include <string.h>

#define FILE_BYTES_MAX (16 * 1024 * 1024) /* half a million epochs: far more restarts than a log sees */

void leader_epochs_release(struct leader_epochs *epochs)
{
    free(epochs->entries);
    *epochs = (struct leader_epochs){0};
}

static void add(struct leader_epochs *epochs, int32_t epoch, int64_t start_offset)
{
    if (epochs->count == epochs->capacity) {
        epochs->capacity = epochs->capacity == 0 ? 2 : epochs->capacity * 2;
        epochs->entries = xrealloc(epochs->entries, (size_t)epochs->capacity * sizeof *epochs->entries);
    }
    epochs->entries[epochs->count++] = (struct leader_epoch){epoch, start_offset};
}

int leader_epochs_load(struct leader_epochs *epochs, struct file_io *io, const char *path)
{
    epochs->count = 0;
    char *text;
    size_t size;
    int error = file_load(io, path, FILE_BYTES_MAX, &text, &size);
    if (error < 0)
        return error == -EFBIG ? -EBADMSG : error;
    struct checkpoint_reader reader;
    int32_t epoch;
    int64_t start_offset;
    bool good = strlen(text) == size && checkpoint_read(&reader, text);
    while (good && checkpoint_next_epoch(&reader, &epoch, &start_offset)) {
        const struct leader_epoch *last = epochs->count > 0 ? &epochs->entries[epochs->count - 1] : NULL;
        good = last == NULL || (last->epoch < epoch && last->start_offset < start_offset);
        if (good)
            add(epochs, epoch, start_offset);
    }
    good = good && !reader.failed;
    free(text);
    if (!good)
        epochs->count = 0;
    return good ? 0 : -EBADMSG;
}

int leader_epochs_save(const struct leader_epochs *epochs, struct file_io *io, const char *path)
{
    struct checkpoint_text text = {0};
    checkpoint_begin(&text, epochs->count);
    for (int32_t i = 0; i < epochs->count; i++)
        checkpoint_add_epoch(&text, epochs->entries[i].epoch, epochs->entries[i].start_offset);
    int error = file_replace(io, path, text.bytes, text.size_bytes, false);
    free(text.bytes);
    return error;
}

bool leader_epochs_assign(struct leader_epochs *epochs, int32_t epoch, int64_t offset)
{
    if (epochs->count > 0 && epochs->entries[epochs->count - 1].epoch == epoch)
        return false;
    while (epochs->count > 0) {
        const struct leader_epoch *last = &epochs->entries[epochs->count - 1];
        if (last->epoch < epoch && last->start_offset < offset)
            break;
        epochs->count--;
    }
    add(epochs, epoch, offset);
    return true;
}

bool leader_epochs_cut_end(struct leader_epochs *epochs, int64_t offset)
{
    int32_t before = epochs->count;
    while (epochs->count > 0 && epochs->entries[epochs->count - 1].start_offset >= offset)
        epochs->count--;
    return epochs->count != before;
}

/* The number of entries that begin at or below `offset`. */
static int32_t count_to(const struct leader_epochs *epochs, int64_t offset)
{
    int32_t count = 0;
    while (count < epochs->count && epochs->entries[count].start_offset <= offset)
        count++;
    return count;
}

bool leader_epochs_cut_start(struct leader_epochs *epochs, int64_t offset)
{
    int32_t gone = count_to(epochs, offset) - 1; /* all that begin at or before it, but the last of them */
    if (gone < 0 || (gone == 0 && epochs->entries[0].start_offset == offset))
        return false;
    epochs->count -= gone;
    memmove(epochs->entries, epochs->entries + gone, (size_t)epochs->count * sizeof *epochs->entries);
    epochs->entries[0].start_offset = offset;
    return true;
}

int32_t leader_epochs_latest(const struct leader_epochs *epochs)
{
    return epochs->count > 0 ? epochs->entries[epochs->count - 1].epoch : -1;
}

int32_t leader_epochs_at(const struct leader_epochs *epochs, int64_t offset)
{
    int32_t count = count_to(epochs, offset);
    return count > 0 ? epochs->entries[count - 1].epoch : -1;
}

bool leader_epochs_end(const struct leader_epochs *epochs, int32_t epoch, int64_t log_end, int32_t *found_epoch,
                       int64_t *end_offset)
{
    int32_t higher = 0; /* the first entry above `epoch` */
    while (higher < epochs->count && epochs->entries[higher].epoch <= epoch)
        higher++;
    if (epochs->count == 0 || epoch == -1) /* of all that are below the first, Kafka knows only this one as none */
        return false;
    if (higher == epochs->count) {
        *found_epoch = epoch;
        *end_offset = log_end;
        return leader_epochs_latest(epochs) == epoch;
    }
    *found_epoch = higher > 0 ? epochs->entries[higher - 1].epoch : epoch;
    *end_offset = epochs->entries[higher].start_offset;
    return true;
}
