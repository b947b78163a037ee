/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/operation/pool-build.h"
#include "xml/documents.h"

unsigned int
input_below(Input *input, unsigned int limit)
{
    if (input->left == 0)
        return 0;
    input->left--;
    return *input->data++ % limit;
}

char *
input_text(Input *input)
{
    const uint8_t *end = memchr(input->data, '\0', input->left);
    size_t length = end ? (size_t) (end - input->data) : input->left;
    char *text = g_strndup((const char *) input->data, length);

    length += end != NULL;
    input->data += length;
    input->left -= length;
    return text;
}

char *
input_bytes(Input *input, size_t limit, size_t *ret_length)
{
    size_t wanted = input_below(input, 256);

    wanted += 256 * (size_t) input_below(input, 256);
    *ret_length = MIN(MIN(wanted, limit), input->left);
    char *bytes = g_malloc0(*ret_length + 1);
    memcpy(bytes, input->data, *ret_length);
    input->data += *ret_length;
    input->left -= *ret_length;
    return bytes;
}

void
check_line(const char *text)
{
    g_assert_nonnull(text);
    g_assert_cmpstr(text, !=, "");
    if (!g_utf8_validate(text, -1, NULL))
        broken("not UTF-8: '%s'", text);
    for (const char *c = text; *c; c = g_utf8_next_char(c))
        if (g_unichar_iscntrl(g_utf8_get_char(c)))
            broken("a control character in '%s'", text);
}

void
check_error(bool failed, GError *error)
{
    if (failed != (error != NULL))
        broken("%s", failed ? "it failed and says nothing" : error->message);
    if (!error)
        return;
    g_assert_true(error->domain == RL_ERROR || error->domain == RL_ERRNO);
    if (!strchr(error->message, ' ') || !g_utf8_validate(error->message, -1, NULL))
        broken("no sentence: '%s'", error->message);
    g_error_free(error);
}

void
check_outcome(bool failed, GError *error)
{
    if (error)
        check_line(error->message);
    check_error(failed, error);
}

void
need_private_run(void)
{
    if (geteuid() == 0 && access("/run/libvirt-reflink-fuzz", F_OK) == 0)
        return;
    printf("SKIP: needs root, and a /run of its own: it is run by tests/fuzz/run\n");
    exit(77);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *place)
{
    (void) st;
    (void) type;
    (void) place;
    remove(path);
    return 0;
}

void
remove_tree(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

RlPool *
make_pool(const char *path)
{
    g_autoptr(RlOptions) options = rl_options_new();
    RlAccess access = {0755, (uid_t) -1, (gid_t) -1};
    GError *error = NULL;

    options->fallback_copy = true;
    rl_pool_build(path, options, &access, rl_xml_documents(), &error);
    g_assert_no_error(error);
    RlPool *pool = rl_pool_open(path, rl_xml_documents(), &error);
    g_assert_no_error(error);
    return pool;
}
