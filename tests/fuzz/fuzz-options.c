/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pool options, alone as in the marker and inside of a <pool>: what is written of what was read
 * reads the same. */
#include "fuzz.h"

#include <string.h>

#include "xml/parser.h"
#include "xml/pool-options.h"

static void
check_keep(const RlRetention *keep)
{
    const int by_time[] = {keep->hourly, keep->daily, keep->weekly};

    g_assert_cmpint(keep->newest, <=, RL_KEEP_MAX);
    for (size_t i = 0; i < G_N_ELEMENTS(by_time); i++)
        g_assert_true(by_time[i] >= 0 && by_time[i] <= (keep->newest < 0 ? 0 : RL_KEEP_MAX));
}

static void
check_rules(const RlOptions *options)
{
    g_assert_cmpint(options->keep.newest, >=, 0);
    check_keep(&options->keep);
    g_assert_true(options->warn_free >= 0 && options->warn_free <= RL_WARN_FREE_MAX);
    g_assert_cmpuint(options->rules->len, <=, RL_OPTIONS_RULES_MAX);
    for (guint i = 0; i < options->rules->len; i++) {
        const RlRule *rule = g_ptr_array_index(options->rules, i);
        g_assert_cmpstr(rule->match, !=, "");
        g_assert_true(g_utf8_validate(rule->match, -1, NULL));
        g_assert_true(rule->keep.newest >= 0 || rule->kind >= 0 || rule->backing >= 0);
        g_assert_true(rule->backing != RL_KIND_VOLATILE);
        check_keep(&rule->keep);
        g_assert_true(rule->kind != RL_KIND_SNAPSHOT);
    }
    g_assert_cmpint(rl_options_keep(options, "a/b/c")->newest, >=, 0);
    rl_options_kind(options, "a/b/c");
    g_assert_cmpint(rl_options_backing(options, "a/b/c"), !=, RL_KIND_VOLATILE);
}

/* As the marker. */
static void
check_alone(const RlOptions *options)
{
    g_autofree char *text = rl_xml_options_format(options, true);
    GError *error = NULL;
    g_autoptr(RlOptions) back = rl_xml_options_parse(text, strlen(text), "marker", &error);

    g_assert_no_error(error);
    g_assert_true(rl_options_equal(options, back));
    g_autofree char *again = rl_xml_options_format(back, true);
    g_assert_cmpstr(again, ==, text);
}

/* As libvirt keeps them. */
static void
check_in_pool(const RlOptions *options)
{
    g_autofree char *inner = rl_xml_options_format(options, false);
    g_autofree char *text = g_strdup_printf("<pool xmlns:reflink='%s'><name>x</name>%s</pool>",
                                            RL_XML_NAMESPACE, inner);
    GError *error = NULL;
    RlOptions *back = NULL;
    g_autoptr(RlXmlDocument) document =
        rl_xml_parse(text, strlen(text), 2 * RL_OPTIONS_SIZE_MAX, "pool", &error);

    g_assert_no_error(error);
    g_assert_true(rl_xml_options_from_nodes(document->root, &back, &error));
    g_assert_true(rl_options_equal(options, back));
    rl_options_free(back);
}

static void
read_pool(const char *text, size_t size)
{
    GError *error = NULL;
    RlOptions *const untouched = (RlOptions *) 1;
    RlOptions *options = untouched;
    g_autoptr(RlXmlDocument) document = rl_xml_parse(text, size, RL_OPTIONS_SIZE_MAX, "pool", NULL);

    if (!document)
        return;
    bool good = rl_xml_options_from_nodes(document->root, &options, &error);
    check_outcome(!good, error);
    g_assert_true(good || options == untouched);
    if (!good || !options)
        return;
    check_rules(options);
    check_alone(options);
    rl_options_free(options);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *) data;
    GError *error = NULL;
    g_autoptr(RlOptions) options = rl_xml_options_parse(text, size, "marker", &error);

    check_outcome(!options, error);
    if (options) {
        check_rules(options);
        check_alone(options);
        check_in_pool(options);
    }
    read_pool(text, size);
    return 0;
}
