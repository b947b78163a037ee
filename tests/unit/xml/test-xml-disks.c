/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "xml/domain-disks.h"

#include "harness/xml-testing.h"
#include "xml/domain.h"

#define UUID "0f3a9c1e-4b7d-4e2a-9c55-1d2e3f405162"
#define HEAD "<domain type='xen' id='3'><name>work</name><uuid>" UUID "</uuid>"

/* A domain with @devices, to be freed. */
static char *
domain_with(const char *devices)
{
    return g_strconcat(HEAD "<devices>", devices, "</devices></domain>", NULL);
}

static RlDomain *
parse(const char *devices)
{
    g_autofree char *text = domain_with(devices);
    g_autoptr(GError) error = NULL;
    RlDomain *domain = rl_xml_domain_parse(text, strlen(text), "the domain", &error);

    g_assert_no_error(error);
    return domain;
}

static void
refuse_devices(const char *devices, const char *words)
{
    g_autofree char *text = domain_with(devices);
    GError *error = NULL;

    g_assert_null(rl_xml_domain_parse(text, strlen(text), "the domain", &error));
    g_assert_true(error && g_str_has_prefix(error->message, "the domain: line "));
    take_xml_error(error, words, text);
}

static const RlDisk *
disk_at(const RlDomain *domain, guint i)
{
    g_assert_cmpuint(i, <, domain->disks->len);
    return g_ptr_array_index(domain->disks, i);
}

static void
assert_backing(const RlDisk *disk, guint i, const char *path)
{
    g_assert_cmpuint(i, <, disk->backing->len);
    g_assert_cmpstr(g_ptr_array_index(disk->backing, i), ==, path);
}

static void
test_sources(void)
{
    g_autoptr(RlDomain) domain = parse(
        "<emulator>/e</emulator>"
        "<disk type='file' device='disk' snapshot='no'><driver name='phy' type='raw'/>"
        "<source file='/p/a-dirty.img' startupPolicy='optional' index='2'><seclabel/></source>"
        "<target dev='xvda' bus='xen'/><alias name='x'/></disk>"
        "<disk type='block' device='lun'><source dev='/dev/b'/><target dev='sda'/></disk>"
        "<disk type='volume'><source pool='qubes' volume='a/b'/><target dev='vda'/></disk>"
        "<disk><source file='/plain'/></disk>"
        "<disk type='file' device='floppy'><source file='/f&#9;&#10;&amp; \xc3\xa4'/></disk>");

    g_assert_cmpuint(domain->disks->len, ==, 5);
    g_assert_cmpstr(disk_at(domain, 0)->path, ==, "/p/a-dirty.img");
    g_assert_cmpstr(disk_at(domain, 0)->target, ==, "xvda");
    g_assert_cmpint(disk_at(domain, 0)->device, ==, RL_DISK_DISK);
    g_assert_cmpint(disk_at(domain, 0)->startup, ==, RL_STARTUP_OPTIONAL);
    g_assert_cmpint(disk_at(domain, 1)->startup, ==, RL_STARTUP_MANDATORY);
    g_assert_cmpstr(disk_at(domain, 0)->format, ==, "raw");
    g_assert_null(disk_at(domain, 1)->format);
    g_assert_null(disk_at(domain, 0)->pool);
    g_assert_null(disk_at(domain, 0)->mirror);
    g_assert_cmpuint(disk_at(domain, 0)->backing->len, ==, 0);
    g_assert_cmpstr(disk_at(domain, 1)->path, ==, "/dev/b");
    g_assert_cmpint(disk_at(domain, 1)->device, ==, RL_DISK_LUN);
    g_assert_null(disk_at(domain, 2)->path);
    g_assert_cmpstr(disk_at(domain, 2)->pool, ==, "qubes");
    g_assert_cmpstr(disk_at(domain, 2)->volume, ==, "a/b");
    g_assert_cmpstr(disk_at(domain, 3)->path, ==, "/plain");
    g_assert_null(disk_at(domain, 3)->target);
    g_assert_cmpstr(disk_at(domain, 4)->path, ==, "/f\t\n& \xc3\xa4");
    g_assert_cmpint(disk_at(domain, 4)->device, ==, RL_DISK_FLOPPY);
}

static void
test_no_path(void)
{
    g_autoptr(RlDomain) domain =
        parse("<disk type='file' device='cdrom'><target dev='hdc'/></disk>"
              "<disk type='file' device='cdrom'><source file=''/></disk>"
              "<disk type='block' device='cdrom'><source startupPolicy='optional'/></disk>"
              "<disk type='network'><source protocol='rbd' name='x' file='/no' dev='/no' pool='p' "
              "volume='v'/></disk>"
              "<disk type='nvme'><source type='pci' namespace='1' dev='/no'/></disk>"
              "<disk type='dir' device='floppy'><source dir='/d' file='/no'/></disk>"
              "<disk type='vhostuser'><source type='unix' path='/s'/></disk>"
              "<disk type='file'><source dev='/no'/></disk>"
              "<disk type='block'><source file='/no'/></disk>"
              "<disk type='later'><source file='/no'/></disk>"
              "<disk type='volume' device='cdrom'/>"
              "<disk type='volume' device='cdrom'><source startupPolicy='optional'/></disk>");

    g_assert_cmpuint(domain->disks->len, ==, 12);
    for (guint i = 0; i < domain->disks->len; i++) {
        g_assert_null(disk_at(domain, i)->path);
        g_assert_null(disk_at(domain, i)->pool);
        g_assert_null(disk_at(domain, i)->volume);
    }
}

static void
test_flags(void)
{
    g_autoptr(RlDomain) domain =
        parse("<disk><source file='/a'/><readonly/></disk><disk><shareable/></disk>"
              "<disk><transient shareBacking='yes'/></disk><disk device='cdrom'/><disk/>"
              "<disk><source file='/a'><readonly/></source></disk>");

    g_assert_true(disk_at(domain, 0)->readonly);
    g_assert_false(disk_at(domain, 0)->shareable);
    g_assert_false(disk_at(domain, 0)->transient);
    g_assert_true(disk_at(domain, 1)->shareable);
    g_assert_false(disk_at(domain, 1)->readonly);
    g_assert_true(disk_at(domain, 2)->transient);
    g_assert_true(disk_at(domain, 3)->readonly);
    g_assert_cmpint(disk_at(domain, 3)->device, ==, RL_DISK_CDROM);
    g_assert_false(disk_at(domain, 4)->readonly);
    g_assert_false(disk_at(domain, 5)->readonly);
}

/* After an external snapshot, and amid a block job. */
static void
test_chain(void)
{
    g_autoptr(RlDomain) domain = parse(
        "<disk type='file'><driver type='qcow2'/><source file='/o/top' index='4'/>"
        "<backingStore type='file' index='3'><format type='qcow2'/><source file='/o/mid'/>"
        "<backingStore type='block'><format type='raw'/><source dev='/dev/m'/>"
        "<backingStore type='network'><source protocol='nbd' file='/no'/>"
        "<backingStore type='volume'><source pool='q' volume='x/y'/>"
        "<backingStore type='file'><format type='raw'/><source "
        "file='/p/a-dirty.img'/><backingStore/>"
        "</backingStore></backingStore></backingStore></backingStore></backingStore>"
        "<mirror type='block' job='copy'><format type='raw'/><source dev='/dev/mirror'/>"
        "<backingStore type='file'><source file='/no'/></backingStore></mirror>"
        "<target dev='vda'/></disk>"
        "<disk><source file='/b'/><backingStore/><mirror file='/old'/></disk>"
        "<disk><source file='/c'/><mirror type='file' file='/x'><source "
        "file='/new'/></mirror></disk>"
        "<disk><source file='/d'/><mirror type='network'><source protocol='nbd'/></mirror></disk>");
    const RlDisk *disk = disk_at(domain, 0);

    g_assert_cmpstr(disk->path, ==, "/o/top");
    g_assert_cmpuint(disk->backing->len, ==, 3);
    assert_backing(disk, 0, "/o/mid");
    assert_backing(disk, 1, "/dev/m");
    assert_backing(disk, 2, "/p/a-dirty.img");
    g_assert_cmpuint(disk->backing_volumes->len, ==, 1);
    const RlVolumeRef *ref = g_ptr_array_index(disk->backing_volumes, 0);
    g_assert_cmpstr(ref->pool, ==, "q");
    g_assert_cmpstr(ref->volume, ==, "x/y");
    g_assert_cmpstr(disk->mirror, ==, "/dev/mirror");
    g_assert_cmpuint(disk_at(domain, 1)->backing->len, ==, 0);
    g_assert_cmpstr(disk_at(domain, 1)->mirror, ==, "/old");
    g_assert_cmpstr(disk_at(domain, 2)->mirror, ==, "/new");
    g_assert_null(disk_at(domain, 3)->mirror);
}

/* An image whose data lie in a file of their own: of the disk itself, and of a layer. */
static void
test_data_store(void)
{
    g_autoptr(RlDomain) domain =
        parse("<disk type='file'><driver type='qcow2'/><source file='/o/top'>"
              "<dataStore type='file'><format type='raw'/><source file='/p/a-dirty.img'/>"
              "</dataStore></source><backingStore type='file'><format type='qcow2'/>"
              "<source file='/o/base'><dataStore type='block'><format type='raw'/>"
              "<source dev='/p/b-dirty.img'/></dataStore></source>"
              "<backingStore type='file'><format type='raw'/><source file='/o/last'/>"
              "</backingStore></backingStore></disk>"
              "<disk><source file='/q'><dataStore type='volume'><source pool='q' volume='x/y'/>"
              "</dataStore></source><backingStore><source file='/b'><dataStore type='volume'>"
              "<source pool='q' volume='z'/></dataStore></source></backingStore></disk>"
              "<disk><source file='/plain'/></disk><disk><dataStore><source file='/no'/>"
              "</dataStore></disk>"
              "<disk><source file='/d'><dataStore type='file'><source file='/e'/></dataStore>"
              "</source></disk>"
              "<disk><source file='/d'><dataStore type='volume'><source pool='q' volume='z'/>"
              "</dataStore></source></disk>"
              "<disk><source file='/d'/><backingStore type='volume'><source pool='q' volume='z'/>"
              "</backingStore></disk>");
    const RlDisk *disk = disk_at(domain, 0), *named = disk_at(domain, 1);

    g_assert_cmpstr(disk->path, ==, "/o/top");
    g_assert_cmpstr(disk->data_path, ==, "/p/a-dirty.img");
    g_assert_cmpuint(disk->backing->len, ==, 3);
    assert_backing(disk, 0, "/o/base");
    assert_backing(disk, 1, "/p/b-dirty.img");
    assert_backing(disk, 2, "/o/last");
    g_assert_cmpstr(g_ptr_array_index(disk->backing_formats, 1), ==, "raw");
    g_assert_null(named->data_path);
    g_assert_cmpstr(named->data_pool, ==, "q");
    g_assert_cmpstr(named->data_volume, ==, "x/y");
    g_assert_cmpuint(named->backing_volumes->len, ==, 1);
    g_assert_true(rl_disk_has_layers(named));
    for (guint i = 2; i < 4; i++) {
        g_assert_null(disk_at(domain, i)->data_path);
        g_assert_false(rl_disk_has_layers(disk_at(domain, i)));
    }
    for (guint i = 4; i < 7; i++)
        g_assert_true(rl_disk_has_layers(disk_at(domain, i)));
}

static void
test_bad_disks(void)
{
    refuse_devices("\n<disk device='tape'/>", "line 2 & device='tape' & <disk>");
    refuse_devices("<disk device=''/>", "device=''");
    refuse_devices("<disk type='volume'><source pool='p'/></disk>", "'volume'");
    refuse_devices("<disk type='volume'><source volume='v' pool=''/></disk>", "'volume' & pool");
    refuse_devices("<disk><backingStore type='volume'><source pool='p'/></backingStore></disk>",
                   "'volume'");
    refuse_devices("<disk><source><dataStore type='volume'><source pool='p'/></dataStore>"
                   "</source></disk>",
                   "'volume'");
    refuse_devices("<disk><backingStore><source file='/b'><dataStore type='volume'>"
                   "<source pool='p'/></dataStore></source></backingStore></disk>",
                   "'volume'");
}

void
add_tests(void)
{
    g_test_add_func("/xml/disks/sources", test_sources);
    g_test_add_func("/xml/disks/no-path", test_no_path);
    g_test_add_func("/xml/disks/flags", test_flags);
    g_test_add_func("/xml/disks/chain", test_chain);
    g_test_add_func("/xml/disks/data-store", test_data_store);
    g_test_add_func("/xml/disks/bad-disks", test_bad_disks);
}
