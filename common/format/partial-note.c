/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "partial-note.h"

#include <string.h>

#include "common/base/error.h"
#include "common/fs/inode.h"
#include "common/fs/xattr.h"

char *
rl_partial_note_format(const RlPartialNote *note)
{
    g_autofree char *state = rl_state_id_format(&note->state);
    g_autofree char *base = note->incremental ? rl_state_id_format(&note->base) : NULL;

    return g_strdup_printf("%" G_GUINT64_FORMAT ",%s%s%s", note->at, state, base ? "," : "",
                           base ? base : "");
}

static bool
parse(const char *text, RlPartialNote *ret_note)
{
    g_auto(GStrv) fields = g_strsplit(text, ",", -1);
    guint count = g_strv_length(fields);
    RlPartialNote note = {.incremental = count == 3};

    if ((count != 2 && count != 3) ||
        !g_ascii_string_to_unsigned(fields[0], 10, 1, G_MAXINT64, &note.at, NULL) ||
        !rl_state_id_parse(fields[1], &note.state) ||
        (note.incremental && !rl_state_id_parse(fields[2], &note.base)) ||
        note.at > note.state.size)
        return false;
    *ret_note = note;
    return true;
}

bool
rl_partial_note_parse(const char *text, RlPartialNote *ret_note, GError **error)
{
    if (parse(text, ret_note))
        return true;
    g_autofree char *shown = g_strescape(text, NULL);
    return rl_fail(error, RL_ERROR_INVALID,
                   "'%s' is not a token. Copy all that 'virt-reflink receive --token' prints",
                   shown);
}

bool
rl_partial_note_same(const RlPartialNote *one, const RlPartialNote *other)
{
    return rl_state_id_same(&one->state, &other->state) && one->incremental == other->incremental &&
           (!one->incremental || rl_state_id_same(&one->base, &other->base));
}

/* The attribute is the token and, behind a space, the inode that it was noted on. A version before
 * this one noted the token alone. */
bool
rl_partial_note_get(int fd, bool *ret_there, RlPartialNote *ret_note, GError **error)
{
    g_autofree char *text = NULL, *here = NULL;

    *ret_there = false;
    if (!rl_xattr_get(fd, RL_ATTR_PARTIAL, &text, error))
        return false;
    char *inode = text ? strchr(text, ' ') : NULL;
    if (inode && !rl_inode_describe(fd, "", &here, error))
        return false;
    if (inode)
        *inode++ = '\0';
    *ret_there = text && parse(text, ret_note) && (!inode || g_strcmp0(inode, here) == 0);
    return true;
}

bool
rl_partial_note_set(int fd, const RlPartialNote *note, GError **error)
{
    g_autofree char *token = rl_partial_note_format(note), *inode = NULL;

    if (!rl_inode_describe(fd, "", &inode, error))
        return false;
    g_autofree char *text = inode ? g_strconcat(token, " ", inode, NULL) : g_strdup(token);
    return rl_xattr_set(fd, RL_ATTR_PARTIAL, text, error);
}

bool
rl_partial_note_remove(int fd, GError **error)
{
    return rl_xattr_remove(fd, RL_ATTR_PARTIAL, error);
}
