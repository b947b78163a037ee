/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names as users write them: what is accepted leads to names of files that lead back to it. */
#include "fuzz.h"

#include <limits.h>
#include <string.h>

#include "common/base/error.h"
#include "common/format/file-name.h"
#include "common/format/volume-name.h"
#include "xml/volume-record.h"

/* @file is this role of @leaf and of nothing else. */
static void
check_file(const char *file, RlFileRole role, const char *leaf)
{
    RlFileName back = rl_file_name_parse(file);

    g_assert_cmpint(back.role, ==, role);
    g_assert_cmpstr(back.leaf, ==, leaf);
    g_assert_cmpuint(strlen(file), <=, NAME_MAX);
}

static void
check_files(const char *leaf)
{
    static const RlFileRole plain[] = {RL_FILE_CLEAN, RL_FILE_DIRTY, RL_FILE_PRECACHE,
                                       RL_FILE_RECORD};
    g_autofree char *temp = rl_file_name_temp(leaf);
    g_autofree char *last = rl_file_name_revision(leaf, UINT64_MAX, INT64_MAX);
    g_autofree char *first = rl_file_name_revision(leaf, 1, INT64_MIN);

    for (size_t i = 0; i < G_N_ELEMENTS(plain); i++) {
        g_autofree char *file = rl_file_name(leaf, plain[i]);
        check_file(file, plain[i], leaf);
    }
    check_file(temp, RL_FILE_TEMP, leaf);
    check_file(last, RL_FILE_REVISION, leaf);
    check_file(first, RL_FILE_REVISION, leaf);
    g_assert_cmpuint(rl_file_name_parse(last).number, ==, UINT64_MAX);
    g_assert_cmpuint(rl_file_name_parse(first).number, ==, 1);
}

/* Nothing in it can lead out of the pool or into something hidden. */
static void
check_path(const RlName *name)
{
    g_autofree char *joined = rl_name_join(name->dir, name->leaf);
    g_autofree char *path = g_strconcat(name->dir, "/", name->leaf, NULL);
    g_auto(GStrv) components = g_strsplit(path, "/", -1);

    g_assert_cmpstr(joined, ==, name->volume);
    g_assert_cmpuint(g_strv_length(components), <=, RL_NAME_COMPONENTS_MAX);
    g_assert_cmpuint(g_strv_length(components), >=, 2);
    for (char **component = components; *component; component++) {
        g_assert_cmpuint(strlen(*component), >, 0);
        g_assert_true((*component)[0] != '.');
        g_assert_null(strpbrk(*component, "@~"));
    }
    check_line(name->volume);
}

static void
check_form(const RlName *name)
{
    const char *suffix = name->text + strlen(name->volume);
    g_autofree char *label = NULL;
    g_autofree char *number = g_strdup_printf("@%" G_GUINT64_FORMAT, name->number);

    g_assert_true(g_str_has_prefix(name->text, name->volume));
    switch (name->form) {
    case RL_NAME_HEAD:
        g_assert_cmpstr(suffix, ==, "");
        break;
    case RL_NAME_CURRENT:
        g_assert_cmpstr(suffix, ==, "@current");
        break;
    case RL_NAME_REVISION:
        g_assert_cmpstr(suffix, ==, number);
        break;
    case RL_NAME_LABEL:
        g_assert_cmpstr(suffix + 1, ==, name->label);
        label = rl_file_name_label(name->leaf, name->label);
        check_file(label, RL_FILE_LABEL, name->leaf);
        g_assert_cmpstr(rl_file_name_parse(label).label, ==, name->label);
        break;
    }
}

/* A name can stand in a document. */
static void
check_document(const RlName *name)
{
    g_autoptr(RlRecord) record = rl_record_new(RL_KIND_SNAPSHOT, name->volume, 1);
    g_autofree char *text = rl_xml_record_format(record, name->volume);
    GError *error = NULL;
    g_autoptr(RlRecord) back = rl_xml_record_parse(text, strlen(text), "record", &error);

    g_assert_no_error(error);
    g_assert_cmpstr(back->source, ==, name->volume);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *) data, size);
    GError *error = NULL;
    g_autoptr(RlName) name = rl_name_parse(text, &error);

    if (!name)
        g_assert_true(g_error_matches(error, RL_ERROR, RL_ERROR_NAME));
    check_outcome(!name, error);
    if (!name)
        return 0;
    g_assert_cmpstr(name->text, ==, text);
    check_path(name);
    check_form(name);
    check_files(name->leaf);
    check_document(name);

    error = NULL;
    g_autoptr(RlName) volume = rl_name_parse_volume(text, &error);
    g_assert_true((volume != NULL) == (name->form == RL_NAME_HEAD));
    check_outcome(!volume, error);
    g_autoptr(RlName) head = rl_name_parse_volume(name->volume, NULL);
    g_assert_cmpstr(head->dir, ==, name->dir);
    g_assert_cmpstr(head->leaf, ==, name->leaf);
    return 0;
}
