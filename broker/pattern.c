/* Regular expressions by PCRE2, whose syntax is that of Perl as RE2's and Java's are, and has more. What the other has
 * not is refused here, so that an expression means what it means in Kafka, or nothing:
 *
 *     both          verbs (*...), recursion, conditions, callouts, references back
 *     RE2 also      what looks around, atomic groups, quantifiers of quantifiers, escapes that it does not know
 *
 * They come from peers, so they are matched without going back (pcre2_dfa_match): in a time that grows with the text
 * and with the states that the expression may be in at once, which have a bound. Above it nothing matches. Source: the
 * syntax of RE2 (github.com/google/re2/wiki/Syntax) and the documentation of Pattern. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "pattern.h"

#include <pcre2.h>
#include <string.h>

#define WORKSPACE_INTS 1000 /* two or three for each state that the expression may be in at once */
#define HEAP_KIB       1024
#define DEPTH_MAX      100
#define RE2_REPEAT_MAX 1000

struct pattern {
    pcre2_code *code;
    pcre2_match_data *data;
    pcre2_match_context *limits;
};

/* ---- what the syntax has not ---------------------------------------------------------------------------------------- */

struct scan {
    enum pattern_syntax syntax;
    const char *at, *end;
    bool quantified; /* what stands before `at` has a quantifier */
};

static bool begins(const struct scan *scan, const char *text)
{
    size_t size = strlen(text);
    return (size_t)(scan->end - scan->at) >= size && memcmp(scan->at, text, size) == 0;
}

static bool is_one_of(char c, const char *all)
{
    return c != '\0' && strchr(all, c) != NULL;
}

/* (?i) and (?i: and their like, from behind the question mark on. */
static bool is_flags(const char *at, const char *end, const char *flags)
{
    while (at < end && is_one_of(*at, flags))
        at++;
    return at < end && (*at == ':' || *at == ')');
}

/* Is what begins with a parenthesis a group of the syntax? */
static bool group_ok(const struct scan *scan)
{
    if (begins(scan, "(*"))
        return false;
    if (!begins(scan, "(?"))
        return true;
    const char *kind = scan->at + 2;
    bool named = begins(scan, "(?<") && !begins(scan, "(?<=") && !begins(scan, "(?<!");
    if (scan->syntax == PATTERN_RE2)
        return named || begins(scan, "(?P<") || is_flags(kind, scan->end, "imsU-");
    return named || begins(scan, "(?=") || begins(scan, "(?!") || begins(scan, "(?<=") || begins(scan, "(?<!") ||
           begins(scan, "(?>") || is_flags(kind, scan->end, "imsx-");
}

static bool is_letter_or_digit(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Go behind what a backslash begins. */
static bool skip_escape(struct scan *scan)
{
    if (begins(scan, "\\Q")) {
        while (scan->at < scan->end && !begins(scan, "\\E"))
            scan->at++;
        scan->at += scan->at < scan->end ? 2 : 0;
        return true;
    }
    if (scan->end - scan->at < 2)
        return false;
    char c = scan->at[1];
    scan->at += 2;
    if (!is_letter_or_digit(c))
        return true;
    return is_one_of(c, scan->syntax == PATTERN_RE2 ? "dDsSwWbBAzpPxtnrfva0" : "dDsSwWbBAzZGpPxtnrfaehHRX0");
}

/* Go behind a class in brackets; PCRE2 says what is wrong with it. */
static bool skip_class(struct scan *scan)
{
    scan->at++;
    scan->at += begins(scan, "^");
    scan->at += begins(scan, "]");
    while (scan->at < scan->end && *scan->at != ']') {
        if (*scan->at == '\\') {
            if (!skip_escape(scan))
                return false;
        } else if (begins(scan, "[:")) {
            while (scan->at < scan->end && !begins(scan, ":]"))
                scan->at++;
            scan->at += scan->at < scan->end ? 2 : 0;
        } else {
            scan->at++;
        }
    }
    scan->at += scan->at < scan->end;
    return true;
}

/* Bytes of the quantifier that begins here, without what makes it lazy; 0: there is none. */
static size_t quantifier_bytes(const struct scan *scan)
{
    if (is_one_of(*scan->at, "*+?"))
        return 1;
    const char *at = scan->at + 1;
    if (*scan->at != '{' || at == scan->end || *at < '0' || *at > '9')
        return 0;
    while (at < scan->end && ((*at >= '0' && *at <= '9') || *at == ','))
        at++;
    return at < scan->end && *at == '}' ? (size_t)(at + 1 - scan->at) : 0;
}

/* In RE2 nothing is repeated more often than a thousand times by number. */
static bool repeats_too_often(const struct scan *scan, size_t bytes)
{
    int32_t number = 0;
    for (size_t i = 1; i + 1 < bytes && number <= RE2_REPEAT_MAX; i++)
        number = scan->at[i] == ',' ? 0 : number * 10 + (scan->at[i] - '0');
    return number > RE2_REPEAT_MAX;
}

static bool skip_quantifier(struct scan *scan, size_t bytes)
{
    if (scan->quantified || (scan->syntax == PATTERN_RE2 && repeats_too_often(scan, bytes)))
        return false;
    scan->at += bytes;
    scan->at += begins(scan, "?") || (scan->syntax == PATTERN_JAVA && begins(scan, "+"));
    return true;
}

static bool skip_one(struct scan *scan)
{
    size_t quantifier = quantifier_bytes(scan);
    bool ok = true;
    if (quantifier > 0) {
        ok = skip_quantifier(scan, quantifier);
    } else if (*scan->at == '\\') {
        ok = skip_escape(scan);
    } else if (*scan->at == '[') {
        ok = skip_class(scan);
    } else if (*scan->at == '(') {
        ok = group_ok(scan);
        scan->at += begins(scan, "(?") ? 2 : 1;
    } else {
        scan->at++;
    }
    scan->quantified = quantifier > 0;
    return ok;
}

static bool is_of_syntax(enum pattern_syntax syntax, const char *text, size_t size)
{
    struct scan scan = {.syntax = syntax, .at = text, .end = text + size};
    while (scan.at < scan.end) {
        if (!skip_one(&scan))
            return false;
    }
    return true;
}

/* ---- PCRE2 ---------------------------------------------------------------------------------------------------------- */

static pcre2_code *compile(const char *text, size_t size)
{
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    if (context == NULL)
        return NULL;
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    int error;
    size_t place;
    const uint32_t options =
        PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_DOLLAR_ENDONLY | PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)text, size, options, &error, &place, context);
    pcre2_compile_context_free(context);
    uint32_t references = 0;
    if (code != NULL)
        pcre2_pattern_info(code, PCRE2_INFO_BACKREFMAX, &references);
    if (references == 0)
        return code;
    pcre2_code_free(code);
    return NULL;
}

struct pattern *pattern_new(enum pattern_syntax syntax, const char *text, size_t size)
{
    if (size > PATTERN_BYTES_MAX || !is_of_syntax(syntax, text, size))
        return NULL;
    struct pattern *pattern = xcalloc(1, sizeof *pattern);
    pattern->code = compile(text, size);
    pattern->data = pcre2_match_data_create(1, NULL);
    pattern->limits = pcre2_match_context_create(NULL);
    if (pattern->code == NULL || pattern->data == NULL || pattern->limits == NULL) {
        pattern_free(pattern);
        return NULL;
    }
    pcre2_set_heap_limit(pattern->limits, HEAP_KIB);
    pcre2_set_depth_limit(pattern->limits, DEPTH_MAX);
    return pattern;
}

void pattern_free(struct pattern *pattern)
{
    if (pattern == NULL)
        return;
    pcre2_code_free(pattern->code);
    pcre2_match_data_free(pattern->data);
    pcre2_match_context_free(pattern->limits);
    free(pattern);
}

bool pattern_matches(const struct pattern *pattern, const char *text, size_t size)
{
    int workspace[WORKSPACE_INTS];
    return pcre2_dfa_match(pattern->code, (PCRE2_SPTR)text, size, 0, 0, pattern->data, pattern->limits, workspace,
                           WORKSPACE_INTS) >= 0;
}
