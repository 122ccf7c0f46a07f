/* Which errors recorded answers show, against the list of those that they should show. */
#include "lib/error_coverage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct arena arena;
    struct error_coverage coverage;
    struct kp_versions advertised[KP_APIS_COUNT];
    const char *error;
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    arena_init(&f->arena, 1 << 20);
    for (size_t i = 0; i < KP_APIS_COUNT; i++)
        f->advertised[i] = (struct kp_versions){0, -1};
    f->advertised[player_api("Fetch") - kp_apis] = kp_apis[1].versions;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    arena_release(&f->arena);
    free(f);
    return 0;
}

static bool parse(struct fixture *f, const char *text)
{
    return error_coverage_parse(&f->coverage, text, strlen(text), &f->arena, &f->error);
}

/* What is wrong when these are the list and the recorded answers. */
static int32_t check(struct fixture *f, const char *list, const char *answers)
{
    struct recorded *recording;
    assert_true(parse(f, list));
    assert_true(recording_parse(answers, strlen(answers), &f->arena, &recording, &f->error));
    error_coverage_note(&f->coverage, recording);
    return error_coverage_check(&f->coverage, f->advertised);
}

#define ANSWERS                                                                                                        \
    "scenario s\n2 Fetch 4 {error_code: NONE, responses: [{partitions: [{error_code: UNKNOWN_TOPIC_ID}]}]}\n"          \
    "3 Produce 4 {error_code: CORRUPT_MESSAGE}\n4 Fetch closed\n"

static void coverage_is_whole_when_each_error_is_shown_or_beyond(void **state)
{
    struct fixture *f = *state;
    static const char list[] = "# why\nreason alone \"there is one\"\napi Fetch shown UNKNOWN_TOPIC_ID\n"
                               "  beyond alone NOT_LEADER_OR_FOLLOWER KAFKA_STORAGE_ERROR\n";
    assert_int_equal(check(f, list, ANSWERS), 0);
}

static void coverage_misses_errors_that_no_answer_shows(void **state)
{
    assert_int_equal(check(*state, "api Fetch shown UNKNOWN_TOPIC_ID OFFSET_OUT_OF_RANGE", ANSWERS), 1);
}

static void coverage_refuses_reasons_that_are_none(void **state)
{
    assert_int_equal(check(*state, "reason a \"b\" api Fetch beyond a UNKNOWN_TOPIC_ID", ANSWERS), 1);
}

static void coverage_wants_all_that_is_shown_listed(void **state)
{
    assert_int_equal(check(*state, "api Fetch", ANSWERS), 1);
}

static void coverage_wants_each_served_api_listed(void **state)
{
    assert_int_equal(check(*state, "api Produce shown CORRUPT_MESSAGE", "scenario s\n2 Fetch 4 {error_code: NONE}"), 1);
}

static void coverage_list_says_what_is_wrong_with_it(void **state)
{
    static const char *const texts[] = {"api Fetsch",
                                        "api Fetch api Fetch",
                                        "api Fetch beyond none",
                                        "reason a",
                                        "api Fetch shown OFFSET_OUT_OF_REACH",
                                        "api Fetch shown UNKNOWN_TOPIC_ID UNKNOWN_TOPIC_ID",
                                        "Fetch"};
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_false(parse(f, texts[i]));
        assert_non_null(f->error);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(coverage_is_whole_when_each_error_is_shown_or_beyond, setup, teardown),
        cmocka_unit_test_setup_teardown(coverage_misses_errors_that_no_answer_shows, setup, teardown),
        cmocka_unit_test_setup_teardown(coverage_refuses_reasons_that_are_none, setup, teardown),
        cmocka_unit_test_setup_teardown(coverage_wants_all_that_is_shown_listed, setup, teardown),
        cmocka_unit_test_setup_teardown(coverage_wants_each_served_api_listed, setup, teardown),
        cmocka_unit_test_setup_teardown(coverage_list_says_what_is_wrong_with_it, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
