/* Are data folders of a form that is known here? Looked at before anything in them is changed: a folder that a newer
 * release has written is refused with words, and stays byte for byte as it is. See folder_format.c. */
#ifndef DOHLE_BROKER_FOLDER_FORMAT_H
#define DOHLE_BROKER_FOLDER_FORMAT_H

#include "data_folder.h"

/* False: one of them is not, and one line was logged that says what. What is damaged is none of its business. */
bool folder_format_known(const struct data_folders *folders) WARN_UNUSED;

#endif
