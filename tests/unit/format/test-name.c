/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/format/asked-kind.h"
#include "common/format/volume-name.h"

#include "harness/lab.h"

#include <string.h>

static RlName *
parse(const char *text)
{
    g_autoptr(GError) error = NULL;
    RlName *name = rl_name_parse(text, &error);

    g_assert_no_error(error);
    g_assert_cmpstr(name->text, ==, text);
    return name;
}

static void
refuse(const char *text, const char *words)
{
    GError *error = NULL;

    g_assert_null(rl_name_parse(text, &error));
    take_error(error, RL_ERROR_NAME, words);
}

/* @count components of @length bytes each, owned by the caller. */
static char *
components(int count, int length)
{
    GString *name = g_string_new(NULL);

    for (int i = 0; i < count; i++) {
        if (i)
            g_string_append_c(name, '/');
        for (int j = 0; j < length; j++)
            g_string_append_c(name, 'n');
    }
    return g_string_free(name, FALSE);
}

static void
test_parts(void)
{
    g_autoptr(RlName) deep = parse("appvms/foo/private");
    g_autoptr(RlName) plain = parse("web1");

    g_assert_cmpint(deep->form, ==, RL_NAME_HEAD);
    g_assert_cmpstr(deep->volume, ==, "appvms/foo/private");
    g_assert_cmpstr(deep->dir, ==, "appvms/foo");
    g_assert_cmpstr(deep->leaf, ==, "private");
    g_assert_null(deep->label);
    g_assert_cmpstr(plain->dir, ==, "volumes");
    g_assert_cmpstr(plain->leaf, ==, "web1");
}

static void
test_forms(void)
{
    g_autoptr(RlName) number = parse("a/b@7");
    g_autoptr(RlName) most = parse("a@18446744073709551615");
    g_autoptr(RlName) label = parse("a/b@before-upgrade");
    g_autoptr(RlName) qubes = parse("a/b@2018-01-02T03:04:05Z");
    g_autoptr(RlName) current = parse("a/b@current");
    g_autoptr(RlName) like_current = parse("a/b@current2");

    g_assert_cmpint(number->form, ==, RL_NAME_REVISION);
    g_assert_cmpuint(number->number, ==, 7);
    g_assert_cmpstr(number->volume, ==, "a/b");
    g_assert_cmpuint(most->number, ==, G_MAXUINT64);
    g_assert_cmpint(label->form, ==, RL_NAME_LABEL);
    g_assert_cmpstr(label->label, ==, "before-upgrade");
    g_assert_cmpstr(qubes->label, ==, "2018-01-02T03:04:05Z");
    g_assert_cmpint(current->form, ==, RL_NAME_CURRENT);
    g_assert_cmpint(like_current->form, ==, RL_NAME_LABEL);
}

static void
test_revision_numbers(void)
{
    const char *const bad[] = {"a@0", "a@007", "a@00", "a@18446744073709551616",
                               "a@99999999999999999999999"};

    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
        refuse(bad[i], "number");
}

static void
test_labels(void)
{
    const char *const good[] = {"A", "9z", "a.b_c:d+e-f", "7.", "Current", "x-dirty.img"};

    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        g_autofree char *text = g_strconcat("a@", good[i], NULL);
        g_autoptr(RlName) name = parse(text);
        g_assert_cmpint(name->form, ==, RL_NAME_LABEL);
        g_assert_cmpstr(name->label, ==, good[i]);
    }
    refuse("a@", "letter or");
    refuse("a@-x", "letter or");
    refuse("a@.x", "letter or");
    refuse("a@\xc3\xa4", "letter or");
    refuse("a@7 ", "'._:+-'");
    refuse("a@x/y", "'._:+-'");
    refuse("a@x@7", "'._:+-'");
    refuse("a@x~", "'._:+-'");
    refuse("a@x\n", "'._:+-'");
}

/* The label's file must fit 255 bytes: LEAF.img@LABEL. */
static void
test_label_length(void)
{
    g_autofree char *fits = components(1, 255 - 6);
    g_autofree char *good = g_strconcat("a@", fits, NULL);
    g_autofree char *bad = g_strconcat("a@", fits, "x", NULL);
    g_autofree char *leaf = components(1, 209);
    g_autofree char *good_leaf = g_strconcat(leaf, "@", NULL);

    rl_name_free(parse(good));
    refuse(bad, "255");
    for (int i = 0; i < 255 - 209 - 5; i++) {
        char *longer = g_strconcat(good_leaf, "l", NULL);
        g_free(good_leaf);
        good_leaf = longer;
    }
    rl_name_free(parse(good_leaf));
    g_autofree char *bad_leaf = g_strconcat(good_leaf, "l", NULL);
    refuse(bad_leaf, "255");
}

static void
test_components(void)
{
    g_autofree char *eight = components(8, 3), *nine = components(9, 3);
    g_autofree char *largest = components(8, 209);
    g_autofree char *long_leaf = components(1, 210), *long_dir = components(2, 210);
    g_autofree char *enormous = components(1, 4096), *long_300 = components(1, 300);

    rl_name_free(parse(eight));
    rl_name_free(parse(largest));
    refuse(nine, "8");
    refuse(long_leaf, "209");
    refuse(long_dir, "209");
    refuse(long_300, "209");
    refuse(enormous, "209");
}

static void
test_slashes(void)
{
    refuse("", "empty");
    refuse("/", "relative");
    refuse("/a", "relative");
    refuse("a/", "empty");
    refuse("a//b", "empty");
    refuse("@7", "empty");
    refuse("a/@7", "empty");
}

static void
test_dots(void)
{
    refuse(".", "'.'");
    refuse("..", "'.'");
    refuse("../a", "'.'");
    refuse("a/../b", "'.'");
    refuse("a/.", "'.'");
    refuse("a/.hidden/b", "'.'");
    rl_name_free(parse("a.b/c..d"));
}

static void
test_kept_endings(void)
{
    refuse("a-dirty", "'-dirty'");
    refuse("a/b-precache", "'-precache'");
    refuse("-import", "'-import'");
    refuse("x.volume.xml", "'.volume.xml'");
    refuse("x.volume.xml/a", "'.volume.xml'");
    refuse("a.img", "'.img'");
    refuse("private.img.3", "'.img'");
    refuse("a.img/b", "'.img'");
    refuse("a.imgx", "'.img'");
    /* These are leaves' rules: a directory may be called so. */
    rl_name_free(parse("a-dirty/b"));
    rl_name_free(parse("a-dirtyx"));
    rl_name_free(parse("dirty"));
    rl_name_free(parse("aimg"));
}

static void
test_characters(void)
{
    refuse("a~b", "'~'");
    refuse("a~/b", "'~'");
    refuse("a\nb", "control");
    refuse("a\x7f", "control");
    refuse("\x01", "control");
    refuse("a\xff", "UTF-8");
    refuse("a\xc3", "UTF-8");
    refuse("a\xed\xa0\x80", "UTF-8");
    refuse("\xc0\xae\xc0\xae/a", "UTF-8");
    rl_name_free(parse("a b"));
    rl_name_free(parse("\xc3\xa4/\xe6\x97\xa5\xe6\x9c\xac"));
    rl_name_free(parse("\xf0\x9f\x92\xbe"));
    rl_name_free(parse("<&'\">"));
    rl_name_free(parse("%s%n"));
}

/* Names go into XML documents, whose characters are not all of Unicode. */
static void
test_characters_that_xml_has_not(void)
{
    refuse("a\xef\xbf\xbe", "control");
    refuse("a\xef\xbf\xbf", "control");
    refuse("a\xc2\x80", "control");
    refuse("a\xc2\x9f/b", "control");
    rl_name_free(parse("a\xc2\xa0"));
}

/* One name a volume. */
static void
test_folder_has_no_names(void)
{
    refuse("volumes/x", "'x'");
    refuse("volumes/x@7", "'x'");
    rl_name_free(parse("volumes"));
    rl_name_free(parse("volumes/a/b"));
    rl_name_free(parse("a/volumes/b"));
}

static void
test_only_a_volume_will_do(void)
{
    g_autoptr(RlName) name = rl_name_parse_volume("a/b", NULL);
    const char *const bad[] = {"a/b@7", "a/b@x", "a/b@current"};

    g_assert_nonnull(name);
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        GError *error = NULL;
        g_assert_null(rl_name_parse_volume(bad[i], &error));
        take_error(error, RL_ERROR_NAME, "revision");
    }
}

static void
test_join_undoes_parse(void)
{
    const char *const names[] = {"web1", "a/b", "volumes/a/b", "volumes"};

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(RlName) name = parse(names[i]);
        g_autofree char *joined = rl_name_join(name->dir, name->leaf);
        g_assert_cmpstr(joined, ==, names[i]);
    }
    rl_name_free(NULL);
}

/* A message quotes what it refuses, but neither its escape sequences nor all of it. */
static void
test_messages_are_tame(void)
{
    g_autofree char *enormous = components(1, 4096);
    g_autoptr(GError) error = NULL, garbled = NULL;

    g_assert_null(rl_name_parse(enormous, &error));
    g_assert_cmpuint(strlen(error->message), <, 300);
    g_assert_nonnull(strstr(error->message, "...'"));
    g_assert_null(rl_name_parse("a\x1b[2J\xff", &garbled));
    g_assert_nonnull(strstr(garbled->message, "'a\\033[2J\\377'"));
}

static void
test_one_component(void)
{
    GError *error = NULL;

    g_assert_false(rl_name_check_component("a/b", &error));
    take_error(error, RL_ERROR_NAME, "'/'");
}

/* What follows "@kind=" is taken off the name of a new volume; all else stays. */
static void
test_asked_kind(void)
{
    static const char *const plain[] = {"a/b",    "a@7",         "a@current",
                                        "a@kind", "kind=direct", "a@kind=direct@7"};
    static const RlKind kinds[] = {RL_KIND_PERSISTENT, RL_KIND_SNAPSHOT, RL_KIND_VOLATILE,
                                   RL_KIND_DIRECT};
    static const char *const wrong[] = {"a@kind=", "a@kind=snap", "a@kind=direct.img",
                                        "a@kind=Direct"};
    g_autoptr(GError) error = NULL;
    RlAskedKind asked;

    for (size_t i = 0; i < G_N_ELEMENTS(plain); i++) {
        g_autofree char *name = rl_asked_kind_split(plain[i], &asked, &error);
        g_assert_no_error(error);
        g_assert_cmpstr(name, ==, plain[i]);
        g_assert_false(asked.given);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        g_autofree char *text = g_strconcat("a/b@kind=", rl_kind_to_string(kinds[i]), NULL);
        g_autofree char *name = rl_asked_kind_split(text, &asked, &error);
        g_assert_no_error(error);
        g_assert_cmpstr(name, ==, "a/b");
        g_assert_true(asked.given);
        g_assert_cmpint(asked.kind, ==, kinds[i]);
    }
    g_autofree char *current = rl_asked_kind_split("a@current@kind=direct", &asked, &error);
    g_assert_cmpstr(current, ==, "a@current");
    g_assert_true(asked.given);
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        GError *refused = NULL;
        g_assert_null(rl_asked_kind_split(wrong[i], &asked, &refused));
        take_error(refused, RL_ERROR_NAME, "persistent, snapshot, volatile or direct");
    }
}

void
add_tests(void)
{
    g_test_add_func("/name/asked-kind", test_asked_kind);
    g_test_add_func("/name/parts", test_parts);
    g_test_add_func("/name/forms", test_forms);
    g_test_add_func("/name/revision-numbers", test_revision_numbers);
    g_test_add_func("/name/labels", test_labels);
    g_test_add_func("/name/label-length", test_label_length);
    g_test_add_func("/name/components", test_components);
    g_test_add_func("/name/slashes", test_slashes);
    g_test_add_func("/name/dots", test_dots);
    g_test_add_func("/name/kept-endings", test_kept_endings);
    g_test_add_func("/name/characters", test_characters);
    g_test_add_func("/name/characters-that-xml-has-not", test_characters_that_xml_has_not);
    g_test_add_func("/name/folder-has-no-names", test_folder_has_no_names);
    g_test_add_func("/name/only-a-volume-will-do", test_only_a_volume_will_do);
    g_test_add_func("/name/join-undoes-parse", test_join_undoes_parse);
    g_test_add_func("/name/messages-are-tame", test_messages_are_tame);
    g_test_add_func("/name/one-component", test_one_component);
}
