/* Private temporary data folders (--ephemeral). */
#ifndef DOHLE_BROKER_EPHEMERAL_H
#define DOHLE_BROKER_EPHEMERAL_H

#include "../storage/file_io.h"

/* Sweep what killed runs left, then make a new folder that only this user can enter. Returns its path, which the caller
 * frees, or NULL; then one line was logged. */
char *ephemeral_folder_make(struct file_io *files);

/* Remove the folder and all that is in it. */
void ephemeral_folder_remove(const char *path);

#endif
