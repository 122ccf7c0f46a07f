/* Random scenarios: whatever the seed they can be read, and no row of their tables is for nothing. */
#include "lib/random_scenario.h"
#include "lib/random_tables.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define SEEDS 500
#define STEPS 12

struct fixture {
    struct kp_versions advertised[KP_APIS_COUNT];
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    for (size_t i = 0; i < KP_APIS_COUNT; i++)
        f->advertised[i] = kp_apis[i].versions;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static void each_seed_makes_a_scenario(void **state)
{
    const struct fixture *f = *state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct arena arena;
        const char *error = NULL;
        arena_init(&arena, SIZE_MAX);
        char *text = random_scenario(seed, STEPS, f->advertised);
        if (!scenario_parse(text, strlen(text), &arena, &error))
            fail_msg("seed %d: %s in\n%s", (int)seed, error, text);
        free(text);
        arena_release(&arena);
    }
}

static void a_seed_makes_the_same_each_time(void **state)
{
    const struct fixture *f = *state;
    char *text = random_scenario(7, STEPS, f->advertised), *again = random_scenario(7, STEPS, f->advertised);
    char *other = random_scenario(8, STEPS, f->advertised);
    assert_string_equal(text, again);
    assert_string_not_equal(text, other);
    free(text);
    free(again);
    free(other);
}

static bool has_field(const struct kp_schema *schema, const char *name)
{
    for (uint16_t i = 0; i < schema->fields_count; i++) {
        const struct kp_field *field = &schema->fields[i];
        if (strcmp(field->name, name) == 0 || (field->type == KP_STRUCT && has_field(field->schema, name)))
            return true;
    }
    return false;
}

static bool is_asked(const struct theme *theme, const struct field_choices *row)
{
    if (strchr(row->field, '.'))
        return true;
    for (size_t i = 0; i < theme->apis_count; i++) {
        const struct kp_api *api = player_api(theme->apis[i].name);
        assert_non_null(api);
        if ((!row->api || strcmp(row->api, api->name) == 0) && has_field(api->request, row->field))
            return true;
    }
    return false;
}

static void check_row(const struct field_choices *row)
{
    size_t count = 0;
    while (count < RANDOM_CHOICES_MAX && row->choices[count])
        count++;
    if (row->usual < 1 || row->usual > count)
        fail_msg("%s has %d choices, not %d usual ones", row->field, (int)count, (int)row->usual);
}

static void each_row_is_of_a_field_that_is_asked(void **state)
{
    (void)state;
    for (size_t i = 0; i < random_themes_count; i++) {
        const struct theme *theme = &random_themes[i];
        for (size_t r = 0; r < theme->fields_count; r++) {
            check_row(&theme->fields[r]);
            if (!is_asked(theme, &theme->fields[r]))
                fail_msg("theme %s asks nothing with %s", theme->name, theme->fields[r].field);
        }
    }
    for (size_t r = 0; r < random_fields_count; r++) {
        bool asked = false;
        check_row(&random_fields[r]);
        for (size_t i = 0; i < random_themes_count; i++)
            asked |= is_asked(&random_themes[i], &random_fields[r]);
        if (!asked)
            fail_msg("nothing is asked with %s", random_fields[r].field);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_seed_makes_a_scenario, setup, teardown),
        cmocka_unit_test_setup_teardown(a_seed_makes_the_same_each_time, setup, teardown),
        cmocka_unit_test(each_row_is_of_a_field_that_is_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
