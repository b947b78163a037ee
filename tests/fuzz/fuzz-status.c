/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt's status file of a domain, and the verdict on it: what is not known word for word keeps
 * the disks. */
#include "fuzz.h"

#include <string.h>

#include "backend/hook/status-verdict.c"
#include "xml/text.h"

static const char *const asyncs[] = {
    "none", "migration out", "migration in", "save", "dump", "start", "backup",
};

static bool
is_one_of(const char *word, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(word, words[i]) == 0)
            return true;
    return false;
}

static void
check_verdict(const RlStatus *status)
{
    RlVerdict verdict = rl_verdict_of(status, true);
    bool known = course_of(status) != DOUBT &&
                 is_one_of(status->async, asyncs, G_N_ELEMENTS(asyncs)) &&
                 (strcmp(status->job, "none") == 0 || strcmp(status->job, "destroy") == 0);

    if (!known && verdict.ending != RL_END_UNKNOWN)
        broken("a verdict on %s/%s, %s, %s", status->state, status->reason, status->job,
               status->async);
    if (verdict.ending == RL_END_SAVED)
        g_assert_cmpstr(status->async, ==, "save");
    if (verdict.ending == RL_END_MIGRATED)
        g_assert_cmpstr(status->phase, ==, "confirm3");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    GError *error = NULL;
    g_autoptr(RlStatus) status =
        rl_xml_status_parse((const char *) data, size, "status.xml", &error);

    check_outcome(!status, error);
    if (!status)
        return 0;
    g_assert_true(g_uuid_string_is_valid(status->uuid));
    for (guint i = 0; i < status->copied->len; i++)
        g_assert_nonnull(g_ptr_array_index(status->copied, i));
    check_verdict(status);
    return 0;
}
