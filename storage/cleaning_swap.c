/* How a cleaned segment takes the place of those it was made from, so that a crash at any point loses nothing.
 *
 *     names in the folder (group 0 and 42)                           after a crash here the next load (log_load.c)
 *
 *     0.log   42.log                     0.log.cleaned   being filled    removes .cleaned
 *     0.log   42.log                     0.log.cleaned   sealed, synced  the same
 *     0.log   42.log                     0.log.swap      synced          removes 0 and 42, .swap becomes 0.log
 *     0.log.deleted  42.log              0.log.swap      some retired    the same, and removes .deleted
 *     0.log.deleted  42.log.deleted      0.log.swap      synced          the same
 *     0.log.deleted  42.log.deleted      0.log                           removes .deleted
 *
 * Between the lines with "synced" the folder is synced, because a file system need not keep renames in their order: the
 * old ones may only go once .swap is there for good, and the new one may only get its name once no old one can come
 * back beside it and overlap it. Only one group is swapped at a time: a load takes everything between the first and the
 * last .swap for replaced.
 *
 * Readers that hold slices of an old segment keep it; new reads find the cleaned one from the moment of
 * cleaning_swap(), whatever its name is. The snapshot at the first base offset stays, those at the others go with their
 * segments.
 *
 * Renaming the files of one segment takes some 50 us, and a group may have a thousand: so they go in parts. */
#include "cleaning.h"

#include <errno.h>

#define RETIRED_PER_TURN 16

static void output_files(struct segment *cleaned, struct cached_file *files[4])
{
    files[0] = &cleaned->offset_index.entries.file;
    files[1] = &cleaned->time_index.entries.file;
    files[2] = &cleaned->txn_index.file;
    files[3] = &cleaned->log; /* the last one to be removed: an index without it means nothing */
}

int cleaning_create_output(struct cleaning *cleaning)
{
    const struct segment *first = cleaning->sources[cleaning->group_first];
    struct segment *cleaned = segment_new(first->folder, first->base_offset, cleaning->now_ms);
    struct cached_file *files[4];
    output_files(cleaned, files);
    for (size_t i = 0; i < COUNT_OF(files); i++)
        files[i]->suffix = SUFFIX_CLEANED;
    int error = segment_create(cleaned);
    if (error < 0) {
        segment_unref(cleaned);
        return error;
    }
    cleaning->cleaned = cleaned;
    cleaning->swapped = false;
    int pinned = 0;
    for (size_t i = 0; error == 0 && i < COUNT_OF(files); i++) {
        if (files[i] != &cleaned->txn_index.file) {
            error = cached_file_pin(files[i]);
            pinned += error == 0;
        }
    }
    cleaning->cleaned_pinned = error == 0;
    for (size_t i = 0; error < 0 && pinned > 0 && i < COUNT_OF(files); i++)
        if (files[i]->pins > 0) {
            cached_file_unpin(files[i]);
            pinned--;
        }
    return error;
}

static void unpin(struct cleaning *cleaning)
{
    struct cached_file *files[4];
    output_files(cleaning->cleaned, files);
    for (size_t i = 0; cleaning->cleaned_pinned && i < COUNT_OF(files); i++)
        if (files[i]->pins > 0)
            cached_file_unpin(files[i]);
    cleaning->cleaned_pinned = false;
}

void cleaning_release_output(struct cleaning *cleaning)
{
    if (cleaning->cleaned == NULL)
        return;
    unpin(cleaning);
    if (!cleaning->swapped)
        segment_unref(cleaning->cleaned);
    cleaning->cleaned = NULL;
}

void cleaning_discard_output(struct cleaning *cleaning)
{
    if (cleaning->cleaned == NULL || cleaning->swapped)
        return;
    struct cached_file *files[4];
    output_files(cleaning->cleaned, files);
    unpin(cleaning);
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        char path[STORAGE_PATH_MAX];
        cached_file_close(files[i]);
        cached_file_path(files[i], path);
        (void)cleaning->io->unlink(cleaning->io, path); /* what stays is removed by the next load */
    }
    cleaning_release_output(cleaning);
}

int cleaning_index_aborted(struct cleaning *cleaning)
{
    struct txn_index *index = &cleaning->cleaned->txn_index;
    int error = 0;
    for (int32_t i = 0; error == 0 && i < cleaning->kept_aborted_count; i++)
        error = txn_index_append(index, &cleaning->aborted[cleaning->kept_aborted[i]]);
    if (error == 0 && cleaning->kept_aborted_count > 0)
        error = cached_file_pin(&index->file);
    return error;
}

int cleaning_name_swap(struct cleaning *cleaning)
{
    unpin(cleaning);
    return segment_rename(cleaning->cleaned, SUFFIX_SWAP);
}

void cleaning_swap(struct cleaning *cleaning)
{
    struct log *log = cleaning->log;
    int32_t count = cleaning->group_end - cleaning->group_first;
    int32_t at = log_segment_at(log, cleaning->cleaned->base_offset);
    ASSERT(at >= 0 && log->segments[at] == cleaning->sources[cleaning->group_first]);
    ASSERT(at + count < log->segments_count);
    /* The log's references to the old ones are the cleaning's from now on, beside its own. */
    log->segments[at] = cleaning->cleaned;
    for (int32_t i = at + 1; i + count - 1 < log->segments_count; i++)
        log->segments[i] = log->segments[i + count - 1];
    log->segments_count -= count - 1;
    log->touched = true;
    cleaning->swapped = true;
    cleaning->retired = 0;
}

int cleaning_retire_some(struct cleaning *cleaning, bool *more)
{
    struct log *log = cleaning->log;
    int32_t count = cleaning->group_end - cleaning->group_first;
    int64_t due_ms = log->store->now_ms + log->config->file_delete_delay_ms;
    for (int i = 0; i < RETIRED_PER_TURN && cleaning->retired < count; i++) {
        struct segment **source = &cleaning->sources[cleaning->group_first + cleaning->retired];
        int error = segment_rename(*source, SUFFIX_DELETED);
        if (error == 0 && cleaning->retired > 0)
            error = segment_rename_snapshot(*source);
        if (error < 0)
            return error;
        segment_unref(*source); /* the cleaning's; the log's goes to the removal */
        store_remove_segment(log->store, *source, due_ms);
        *source = NULL;
        cleaning->retired++;
    }
    *more = cleaning->retired < count;
    return 0;
}

int cleaning_name_plain(struct cleaning *cleaning)
{
    return segment_rename(cleaning->cleaned, SUFFIX_NONE);
}
