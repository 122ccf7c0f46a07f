/* See case_log.h. */
#include "case_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

void case_log_init(struct case_log *log)
{
    *log = (struct case_log){.file = tmpfile(), .stderr_saved = dup(STDERR_FILENO)};
    assert_non_null(log->file);
    assert_true(dup2(fileno(log->file), STDERR_FILENO) >= 0);
}

void case_log_release(struct case_log *log)
{
    char line[512];
    fflush(stderr);
    (void)dup2(log->stderr_saved, STDERR_FILENO);
    close(log->stderr_saved);
    rewind(log->file);
    while (log->at[0] != '\0' && fgets(line, sizeof line, log->file) != NULL)
        print_message("%s", line);
    if (log->at[0] != '\0')
        print_message("%s\n", log->at);
    fclose(log->file);
}

void case_log_clear(struct case_log *log)
{
    assert_int_equal(ftruncate(fileno(log->file), 0), 0);
    (void)lseek(fileno(log->file), 0, SEEK_SET);
}

bool case_log_has(const struct case_log *log, const char *text)
{
    char line[512];
    bool found = false;
    rewind(log->file);
    while (!found && fgets(line, sizeof line, log->file) != NULL)
        found = strstr(line, text) != NULL;
    (void)fseek(log->file, 0, SEEK_END); /* the descriptor behind both is written at */
    return found;
}
