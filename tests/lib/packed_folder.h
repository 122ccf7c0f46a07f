/* Recorded data folders (tests/folders), packed as .tar.gz, unpacked into files in memory. */
#ifndef DOHLE_TESTS_PACKED_FOLDER_H
#define DOHLE_TESTS_PACKED_FOLDER_H

#include "memory_io.h"

/* Put the folders and files of `archive` below `folder`, which exists, as if synced. The test fails when the archive
 * cannot be read. */
void packed_folder_put(struct memory_io *memory, const char *archive, const char *folder);

/* Call `each` with all files of the archive; the bytes are valid for the call. */
void packed_folder_each(const char *archive,
                        void (*each)(void *context, const char *path, const void *bytes, size_t size), void *context);

#endif
