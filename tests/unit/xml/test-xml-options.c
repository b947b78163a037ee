/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "xml/pool-options.h"

#include "harness/xml-testing.h"

#define OPEN "<reflink:options " NS ">"
#define CLOSE "</reflink:options>"
#define POOL(inner) "<pool type='dir' " NS "><name>p</name>" inner "</pool>"

static RlOptions *
parse(const char *text)
{
    g_autoptr(GError) error = NULL;
    RlOptions *options = rl_xml_options_parse(text, strlen(text), "marker", &error);

    g_assert_no_error(error);
    return options;
}

static void
refuse(const char *text, const char *words)
{
    GError *error = NULL;

    g_assert_null(rl_xml_options_parse(text, strlen(text), "marker", &error));
    g_assert_true(error && g_str_has_prefix(error->message, "marker: "));
    take_xml_error(error, words, text);
}

/* @inner in the place of a whole <reflink:options>. */
static void
refuse_inner(const char *inner, const char *words)
{
    g_autofree char *text = g_strconcat(OPEN, inner, CLOSE, NULL);
    refuse(text, words);
}

static void
test_everything(void)
{
    g_autoptr(RlOptions) wanted = rl_options_new();
    wanted->keep.newest = 3;
    wanted->fallback_copy = true;
    rl_options_add_rule(wanted, "*/*/volatile", -1, RL_KIND_VOLATILE);
    rl_options_add_rule(wanted, "vm-templates/*/root", 5, -1);
    rl_options_add_rule(wanted, "db/*", 0, RL_KIND_DIRECT);
    rl_options_add_rule(wanted, "x", 100000, RL_KIND_PERSISTENT);
    rl_options_add_rule(wanted, "y", 0, -1)->keep.weekly = 52;
    rl_options_add_rule(wanted, "z", -1, -1)->backing = RL_KIND_PERSISTENT;
    wanted->keep.hourly = 24;
    wanted->keep.daily = 7;
    wanted->warn_free = 20;
    wanted->path_links = true;

    g_autoptr(RlOptions) options =
        parse(OPEN "<reflink:volume match='*/*/volatile' kind='volatile'/>"
                   "<reflink:revisions keep-daily='7' keep='3' keep-hourly='24' "
                   "keep-weekly='0'/><!-- c --><?pi?><reflink:space warn-below='20'/>"
                   "<reflink:paths form='link'/>"
                   "<reflink:volume match='vm-templates/*/root' keep='5'/>"
                   "<reflink:fallback copy='yes'></reflink:fallback>"
                   "<reflink:volume keep='0' kind='direct' match='db/*'/>"
                   "<reflink:volume match='x' kind='persistent' "
                   "keep='100000'> </reflink:volume>"
                   "<reflink:volume match='y' keep='0' keep-weekly='52'/>"
                   "<reflink:volume match='z' backing='persistent'/>" CLOSE);
    g_assert_true(rl_options_equal(options, wanted));
    g_autofree char *text = rl_xml_options_format(options, true);
    g_autoptr(RlOptions) again = parse(text);
    g_assert_true(rl_options_equal(again, wanted));
    g_autoptr(RlOptions) copy = rl_options_copy(options);
    g_assert_true(rl_options_equal(copy, wanted));
    copy->keep.daily = 8;
    g_assert_false(rl_options_equal(copy, wanted));
}

static void
test_defaults(void)
{
    g_autoptr(RlOptions) defaults = rl_options_new();
    g_autoptr(RlOptions) empty = parse(OPEN CLOSE);
    g_autoptr(RlOptions) other = parse("<options xmlns='urn:libvirt-reflink:storagepool:1.0'>\n"
                                       "<fallback copy='no'/><paths form='image'/></options>");
    g_assert_true(rl_options_equal(empty, defaults));
    g_assert_true(rl_options_equal(other, defaults));
}

/* A pool's mark is kept in its file and is no part of what the administrator says. */
static void
test_mark(void)
{
    g_autoptr(RlOptions) options =
        parse(OPEN "<?pi x?><?reflink-mark one?><?reflink-mark two?>" CLOSE);
    g_autoptr(RlOptions) bare = parse(OPEN "<?reflink-mark?>" CLOSE);
    g_autofree char *kept = rl_xml_options_format(options, true);
    g_autofree char *shown = rl_xml_options_format(options, false);

    g_assert_cmpstr(options->mark, ==, "one");
    g_assert_cmpstr(bare->mark, ==, "");
    g_assert_nonnull(strstr(kept, "<?reflink-mark one?>"));
    g_assert_null(strstr(shown, "reflink-mark"));
    g_autoptr(RlOptions) again = parse(kept);
    g_assert_cmpstr(again->mark, ==, "one");
}

static void
test_root(void)
{
    refuse("<options/>", "<options> & <reflink:options>");
    refuse("<reflink:options/>", "<reflink:options>");
    refuse("<reflink:volume " NS "/>", "<reflink:volume>");
    refuse(POOL("<reflink:options/>"), "<pool>");
    refuse("<!DOCTYPE a []>" OPEN CLOSE, "document type");
    refuse(OPEN, "line 1");
}

static void
test_unknown(void)
{
    refuse("<reflink:options " NS " a='1'/>", "'a' & <reflink:options>");
    refuse_inner("<reflink:revision keep='1'/>", "<reflink:revision>");
    refuse_inner("<reflink:options/>", "<reflink:options>");
    refuse_inner("<revisions keep='1'/>", "<revisions> & <reflink:options>");
    refuse_inner("<o:a xmlns:o='urn:o'/>", "<o:a> & <reflink:options>");
    refuse_inner("<reflink:revisions kepp='1'/>", "'kepp' & <reflink:revisions>");
    refuse_inner("<reflink:revisions reflink:keep='1'/>", "'reflink:keep'");
    refuse_inner("<reflink:fallback copy='no' x='1'/>", "'x' & <reflink:fallback>");
    refuse_inner("<reflink:paths form='link' x='1'/>", "'x' & <reflink:paths>");
    refuse_inner("<reflink:paths/>", "<reflink:paths> & form");
    refuse_inner("<reflink:paths form='Link'/>", "form='Link' & <reflink:paths>");
    refuse_inner("<reflink:paths form='link'/><reflink:paths form='link'/>",
                 "second & <reflink:paths>");
    refuse_inner("<reflink:volume match='a' keep='1' xml:lang='de'/>", "'xml:lang'");
    refuse_inner("<reflink:volume match='a' keep='1'><x/></reflink:volume>", "<x>");
}

static void
test_twice(void)
{
    refuse_inner("<reflink:revisions keep='1'/>\n<reflink:revisions keep='1'/>",
                 "line 2 & second & <reflink:revisions>");
    refuse_inner("<reflink:fallback copy='no'/><reflink:fallback copy='no'/>",
                 "second & <reflink:fallback>");
}

static void
test_text(void)
{
    refuse_inner("hello", "text & <reflink:options>");
    refuse_inner("<![CDATA[x]]>", "text & <reflink:options>");
    refuse_inner("<reflink:revisions keep='1'>x</reflink:revisions>", "text & <reflink:revisions>");
}

static void
test_keep(void)
{
    const char *bad[] = {
        "",        "-1", "+1", " 1",  "1 ",     "1\t", "x",          "1x",
        "0x10",    "01", "00", "1.0", "100001", "1e3", "4294967297", "99999999999999999999999",
        "\xd9\xa3"};

    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *own = g_strdup_printf("<reflink:revisions keep='%s'/>", bad[i]);
        g_autofree char *rule = g_strdup_printf("<reflink:volume match='a' keep='%s'/>", bad[i]);
        refuse_inner(own, "<reflink:revisions> & 100000");
        refuse_inner(rule, "<reflink:volume> & 100000");
    }
    refuse_inner("<reflink:revisions keep='many'/>", "keep='many'");
    refuse_inner("<reflink:revisions keep='a&#10;b'/>", "keep='a\\x{a}b'");
    refuse_inner("<reflink:revisions/>", "<reflink:revisions>");

    /* A long value is cut in the message, between characters. */
    g_autofree char *value = repeat("\xc3\xa4", 1000);
    g_autofree char *shown = repeat("\xc3\xa4", 64);
    g_autofree char *long_one = g_strdup_printf("<reflink:revisions keep='%s'/>", value);
    g_autofree char *words = g_strdup_printf("keep='%s...' of", shown);
    refuse_inner(long_one, words);
}

static void
test_times(void)
{
    refuse_inner("<reflink:revisions keep='1' keep-daily='-1'/>", "keep-daily='-1' & 100000");
    refuse_inner("<reflink:revisions keep='1' keep-hourly='100001'/>", "keep-hourly & 100000");
    refuse_inner("<reflink:revisions keep-weekly='1'/>",
                 "<reflink:revisions> needs the attribute keep");
    refuse_inner("<reflink:volume match='a' kind='persistent' keep-daily='0'/>",
                 "needs the attribute keep");
    refuse_inner("<reflink:volume match='a' keep='1' keep-yearly='1'/>", "'keep-yearly'");
}

static void
test_space(void)
{
    const char *bad[] = {"", "-1", "100", "05", "5%", "1.5"};

    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *inner = g_strdup_printf("<reflink:space warn-below='%s'/>", bad[i]);
        refuse_inner(inner, "warn-below & 99 & <reflink:space>");
    }
    refuse_inner("<reflink:space/>", "<reflink:space> needs the attribute warn-below");
    refuse_inner("<reflink:space warn-below='5' warn='6'/>", "'warn' & <reflink:space>");
    refuse_inner("<reflink:space warn-below='0'/><reflink:space warn-below='0'/>",
                 "second & <reflink:space>");
    g_autoptr(RlOptions) never = parse(OPEN "<reflink:space warn-below='0'/>" CLOSE);
    g_assert_cmpint(never->warn_free, ==, 0);
}

static void
test_copy(void)
{
    const char *bad[] = {"", "YES", "true", "1", " yes", "yesno"};

    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *inner = g_strdup_printf("<reflink:fallback copy='%s'/>", bad[i]);
        g_autofree char *words = g_strdup_printf("copy='%s' & <reflink:fallback>", bad[i]);
        refuse_inner(inner, words);
    }
    refuse_inner("<reflink:fallback/>", "<reflink:fallback>");
}

static void
test_rule(void)
{
    refuse_inner("<reflink:volume keep='1'/>", "<reflink:volume> & match");
    refuse_inner("<reflink:volume match='' keep='1'/>", "empty & <reflink:volume>");
    refuse_inner("<reflink:volume match='a'/>", "<reflink:volume> & keep & kind");
    refuse_inner("<reflink:volume match='a' kind='snapshot'/>", "kind='snapshot' & source");
    refuse_inner("<reflink:volume match='a' backing='volatile'/>", "backing='volatile' & direct");
    refuse_inner("<reflink:volume match='a' backing=''/>", "backing='' & <reflink:volume>");
    refuse_inner("<reflink:volume match='a' kind='fast'/>", "kind='fast' & <reflink:volume>");
    refuse_inner("<reflink:volume match='a' kind=''/>", "kind='' & <reflink:volume>");
}

/* The options with @count rules whose pattern is @length times a letter of two bytes. */
static char *
many_rules(size_t count, size_t length)
{
    g_autofree char *match = repeat("\xc3\xa4", length);
    g_autofree char *rule = g_strconcat("<reflink:volume match='", match, "' keep='1'/>", NULL);
    g_autofree char *rules = repeat(rule, count);

    return g_strconcat(OPEN, rules, CLOSE, NULL);
}

static void
test_limits(void)
{
    g_autofree char *most = many_rules(1000, 131);
    g_autofree char *longest = many_rules(1, 4096);
    g_autofree char *too_many = many_rules(1001, 1);
    g_autofree char *too_long = many_rules(1, 4097);
    g_autofree char *too_much = many_rules(33, 4096);
    g_autofree char *padding = repeat("          ", RL_OPTIONS_SIZE_MAX / 10 + 1);
    g_autoptr(RlOptions) a = parse(most);
    g_autoptr(RlOptions) b = parse(longest);

    g_assert_cmpuint(a->rules->len, ==, 1000);
    g_assert_cmpuint(b->rules->len, ==, 1);
    refuse(too_many, "1000 & <reflink:volume>");
    refuse(too_long, "<reflink:volume> & 4096");
    refuse(too_much, "262144");
    refuse_inner(padding, "4194304");
}

void
add_tests(void)
{
    g_test_add_func("/xml/options/everything", test_everything);
    g_test_add_func("/xml/options/defaults", test_defaults);
    g_test_add_func("/xml/options/root", test_root);
    g_test_add_func("/xml/options/unknown", test_unknown);
    g_test_add_func("/xml/options/twice", test_twice);
    g_test_add_func("/xml/options/text", test_text);
    g_test_add_func("/xml/options/keep", test_keep);
    g_test_add_func("/xml/options/times", test_times);
    g_test_add_func("/xml/options/space", test_space);
    g_test_add_func("/xml/options/copy", test_copy);
    g_test_add_func("/xml/options/rule", test_rule);
    g_test_add_func("/xml/options/limits", test_limits);
    g_test_add_func("/xml/options/mark", test_mark);
}
