/* See settings_fixture.h. */
#include "settings_fixture.h"

int settings_fixture_setup(void **state)
{
    struct settings_fixture *f = xcalloc(1, sizeof *f);
    config_init(&f->config);
    arena_init(&f->arena, 1 << 20);
    *state = f;
    return 0;
}

int settings_fixture_teardown(void **state)
{
    struct settings_fixture *f = *state;
    topic_overrides_release(&f->overrides);
    arena_release(&f->arena);
    config_release(&f->config);
    free(f);
    return 0;
}
