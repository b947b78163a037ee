/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names found in a directory: what one stands for, that has this name and no other. */
#include "fuzz.h"

#include <string.h>

#include "common/format/file-name.h"
#include "common/format/volume-name.h"

static void
check_revision(const RlFileName *file, const char *name)
{
    g_autofree char *ours = rl_file_name_revision(file->leaf, file->number, 0);
    const char *when = strchr(ours, '@');

    /* The same but for the time, which is for people. */
    g_assert_cmpuint(file->number, >, 0);
    g_assert_cmpuint(strlen(ours), ==, strlen(name));
    g_assert_cmpint(strncmp(ours, name, (size_t) (when - ours) + 1), ==, 0);
}

/* Only what has our own six digits behind it may be removed unasked. */
static void
check_temp(const RlFileName *file, const char *name)
{
    const char *tilde = strchr(name, '~');
    g_autofree char *final = g_strndup(name, (gsize) (tilde - name));
    RlFileName of = rl_file_name_parse(final);

    bool ours = file->role == RL_FILE_TEMP;
    const char *digits = ours ? "0123456789abcdef" : "0123456789abcdefghijklmnopqrstuvwxyz_";

    g_assert_cmpuint(strlen(tilde), ==, ours ? 7 : 9);
    g_assert_cmpuint(strspn(tilde + 1, digits), ==, ours ? 6 : 8);
    g_assert_true(of.role != RL_FILE_OTHER && of.role != RL_FILE_TEMP);
    g_assert_cmpstr(of.leaf, ==, file->leaf);
}

static void
check_plain(const char *ours, const char *name)
{
    g_assert_cmpstr(ours, ==, name);
}

static void
check_role(const RlFileName *file, const char *name)
{
    g_autofree char *ours = NULL;

    switch (file->role) {
    case RL_FILE_OTHER:
        break;
    case RL_FILE_CLEAN:
    case RL_FILE_DIRTY:
    case RL_FILE_PRECACHE:
    case RL_FILE_IMPORT:
    case RL_FILE_RECORD:
        ours = rl_file_name(file->leaf, file->role);
        check_plain(ours, name);
        break;
    case RL_FILE_LABEL:
        ours = rl_file_name_label(file->leaf, file->label);
        check_plain(ours, name);
        break;
    case RL_FILE_REVISION:
        check_revision(file, name);
        break;
    case RL_FILE_TEMP:
    case RL_FILE_PEER_TEMP:
        check_temp(file, name);
        break;
    }
}

/* The volume that it belongs to can be named, and so can the revision. */
static void
check_name(const RlFileName *file)
{
    g_autofree char *volume = rl_name_join("a", file->leaf);
    g_autofree char *revision =
        file->label ? g_strdup_printf("%s@%s", volume, file->label)
                    : g_strdup_printf("%s@%" G_GUINT64_FORMAT, volume, MAX(file->number, 1));
    g_autoptr(RlName) head = rl_name_parse(volume, NULL);
    g_autoptr(RlName) name = rl_name_parse(revision, NULL);

    g_assert_nonnull(head);
    g_assert_nonnull(name);
    g_assert_cmpint(name->form, ==, file->label ? RL_NAME_LABEL : RL_NAME_REVISION);
    g_assert_cmpstr(name->leaf, ==, file->leaf);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *name = g_strndup((const char *) data, size);
    RlFileName file = rl_file_name_parse(name);

    check_role(&file, name);
    if (file.role != RL_FILE_OTHER)
        check_name(&file);
    return 0;
}
