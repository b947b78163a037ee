/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs */
/* A volume as a disk of a domain. */
#include "backend/run/domain-disk.h"

#include "harness/lab.h"

#include <string.h>

#define DOMAIN                                                                            \
    "<domain type='kvm'><name>vm</name><uuid>00000000-0000-4000-8000-000000000001</uuid>" \
    "<devices>%s</devices></domain>"

/* The domain with @disks, in which "POOL" is the pool's path. */
static RlDomain *
parse(Lab *lab, const char *disks)
{
    g_auto(GStrv) parts = g_strsplit(disks, "POOL", -1);
    g_autofree char *placed = g_strjoinv(lab->path, parts);
    g_autofree char *text = g_strdup_printf(DOMAIN, placed);
    GError *error = NULL;
    RlDomain *domain = rl_xml_domain_parse(text, strlen(text), "vm", &error);

    g_assert_no_error(error);
    return domain;
}

/* Of @disks the one with this target is on the volume a/b. */
static void
is_disk(Lab *lab, const char *disks, const char *target, bool below)
{
    g_autoptr(RlDomain) domain = parse(lab, disks);
    bool is_below;
    const RlDisk *disk = rl_domain_disk_find(domain, lab->pool, "a/b", &is_below);

    g_assert_cmpstr(disk ? disk->target : NULL, ==, target);
    g_assert_cmpint(is_below, ==, below);
}

#define FILE_DISK(path, target) \
    "<disk type='file' device='disk'><source file='" path "'/><target dev='" target "'/></disk>"

static void
test_find(Lab *lab)
{
    lab_create(lab, "a/b", "text", 1 * MIB);
    is_disk(lab, "", NULL, false);
    is_disk(lab, FILE_DISK("POOL/a/c-dirty.img", "sda") FILE_DISK("/a/b-dirty.img", "sdb"), NULL,
            false);
    is_disk(lab, FILE_DISK("POOL/a/c-dirty.img", "sda") FILE_DISK("POOL/a/b-dirty.img", "sdb"),
            "sdb", false);
    is_disk(lab,
            "<disk type='file' device='disk'><source file='/tmp/overlay'/>"
            "<backingStore type='file'><format type='raw'/><source file='POOL/a/b-dirty.img'/>"
            "<backingStore/></backingStore><target dev='sdc'/></disk>",
            "sdc", true);
    is_disk(lab,
            "<disk type='volume' device='disk'><source pool='no-such-pool' volume='a/b'/>"
            "<target dev='sdd'/></disk>",
            NULL, false);
}

static void
test_xml(void)
{
    RlDiskWish wish = {"qemu", "/a'<b", "sda", NULL, false};
    g_autofree char *plain = rl_domain_disk_xml(&wish);

    g_assert_cmpstr(plain, ==,
                    "<disk type='file' device='disk'><driver name='qemu' type='raw'/>"
                    "<source file='/a&apos;&lt;b'/><target dev='sda'/></disk>");
    wish = (RlDiskWish){"libxl", "/a", "xvda", "xen", true};
    g_autofree char *whole = rl_domain_disk_xml(&wish);
    g_assert_cmpstr(whole, ==,
                    "<disk type='file' device='disk'><driver name='phy' type='raw'/>"
                    "<source file='/a'/><target dev='xvda' bus='xen'/><readonly/></disk>");
}

void
add_tests(void)
{
    lab_add("/domain-disk/find", test_find);
    g_test_add_func("/domain-disk/xml", test_xml);
}
