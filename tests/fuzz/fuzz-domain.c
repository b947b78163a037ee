/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A domain as libvirt hands it to its hooks, and the volumes that the hook makes out of it. There
 * is a pool "p" at /run/p, which the dictionary and the corpus name. */
#include "fuzz.h"

#include <string.h>

#include "backend/hook/domain-volumes.h"
#include "backend/hook/outside-disks.h"
#include "domain-properties.h"

#define POOL "/run/p"

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static const char document[] =
        "<pool><name>p</name><target><path>" POOL "</path></target></pool>";

    (void) argc;
    (void) argv;
    need_private_run();
    rl_pool_close(make_pool(POOL));
    g_assert_cmpint(g_mkdir_with_parents("/run/libvirt/storage", 0755), ==, 0);
    g_assert_true(g_file_set_contents("/run/libvirt/storage/p.xml", document, -1, NULL));
    return 0;
}

/* Each use is of that pool, and none twice. Of a path that is not absolute nothing can be told. */
static void
check_uses(const RlDomain *domain, bool strict)
{
    GError *error = NULL;
    g_autoptr(GPtrArray) uses = rl_domain_volumes_new();
    bool told = rl_domain_volumes_find(domain, strict, uses, &error);

    check_error(!told, error); /* it quotes paths as they are */
    for (guint i = 0; i < uses->len; i++) {
        const RlDomainVolume *use = g_ptr_array_index(uses, i);
        g_assert_cmpstr(use->root, ==, POOL);
        g_assert_cmpstr(use->name, !=, "");
        const RlDomainVolume *before = i ? g_ptr_array_index(uses, i - 1) : NULL;
        g_assert_true(!before || strcmp(before->name, use->name) < 0);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    GError *error = NULL;
    g_autoptr(RlDomain) domain = rl_xml_domain_parse((const char *) data, size, "domain", &error);

    check_outcome(!domain, error);
    if (!domain)
        return 0;
    check_domain(domain);
    check_uses(domain, true);
    check_uses(domain, false);
    check_error(!rl_outside_disks_require(domain, &error), error);
    return 0;
}
