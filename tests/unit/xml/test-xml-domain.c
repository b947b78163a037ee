/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "xml/domain.h"

#include "harness/xml-testing.h"

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
refuse_bytes(const char *text, size_t length, const char *words)
{
    GError *error = NULL;

    g_assert_null(rl_xml_domain_parse(text, length, "the domain", &error));
    g_assert_true(error && g_str_has_prefix(error->message, "the domain: "));
    take_xml_error(error, words, text);
}

static void
refuse(const char *text, const char *words)
{
    refuse_bytes(text, strlen(text), words);
}

static void
refuse_devices(const char *devices, const char *words)
{
    g_autofree char *text = domain_with(devices);
    refuse(text, words);
}

static const RlDisk *
disk_at(const RlDomain *domain, guint i)
{
    g_assert_cmpuint(i, <, domain->disks->len);
    return g_ptr_array_index(domain->disks, i);
}

static void
test_identity(void)
{
    g_autoptr(RlDomain) domain = parse("");
    g_assert_cmpstr(domain->name, ==, "work");
    g_assert_cmpstr(domain->uuid, ==, UUID);
    g_assert_cmpstr(domain->type, ==, "xen");
    g_assert_cmpuint(domain->disks->len, ==, 0);

    const char *upper = "<domain type='qemu'><uuid>0F3A9C1E-4B7D-4E2A-9C55-1D2E3F405162</uuid>"
                        "<name>\xc3\xa4 &amp;&#10;'</name></domain>";
    g_autoptr(RlDomain) other = rl_xml_domain_parse(upper, strlen(upper), "the domain", NULL);
    g_assert_cmpstr(other->uuid, ==, UUID);
    g_assert_cmpstr(other->name, ==, "\xc3\xa4 &\n'");
    g_assert_cmpstr(other->type, ==, "qemu");
}

#define FILES_HEAD                                                                              \
    "<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'><name>n</name>" \
    "<uuid>" UUID                                                                               \
    "</uuid><title>/t</title><description>/d</description><metadata><a b='/m'/></metadata>"

static void
assert_files(const char *elements, const char *words)
{
    g_autofree char *text = g_strconcat(FILES_HEAD, elements, "</domain>", NULL);
    g_autoptr(RlDomain) domain = rl_xml_domain_parse(text, strlen(text), "the domain", NULL);
    g_autoptr(GString) found = g_string_new(NULL);

    g_assert_nonnull(domain);
    for (guint i = 0; i < domain->files->len; i++) {
        const RlNamedFile *file = g_ptr_array_index(domain->files, i);
        g_string_append_printf(found, "%s%s %s%s", i ? "; " : "", file->element, file->path,
                               file->shared ? " shared" : "");
    }
    g_assert_cmpstr(found->str, ==, words);
}

/* NULL: nothing is. */
static void
assert_odd(const char *before, const char *elements, const char *words)
{
    g_autofree char *text = g_strconcat(before, FILES_HEAD, elements, "</domain>", NULL);
    size_t length = strlen(text);
    g_autofree char *no_end = g_memdup2(text, length); /* as what the hook reads */
    g_autoptr(RlDomain) domain = rl_xml_domain_parse(no_end, length, "the domain", NULL);

    g_assert_nonnull(domain);
    g_assert_cmpstr(domain->odd, ==, words);
}

/* The files of libvirt's that have a domain in them. */
static void
test_kept(void)
{
    static const char *const forms[] = {"%s", "<domstatus state='running'>%s</domstatus>",
                                        "<domainsnapshot><name>s</name>%s</domainsnapshot>"};
    g_autofree char *text = domain_with("");
    GError *error = NULL;

    for (size_t i = 0; i < G_N_ELEMENTS(forms); i++) {
        g_auto(GStrv) around = g_strsplit(forms[i], "%s", 2);
        g_autofree char *file = g_strconcat(around[0], text, around[1], NULL);
        g_autoptr(RlDomain) domain = rl_xml_domain_parse_kept(file, strlen(file), "file", &error);
        g_assert_no_error(error);
        g_assert_cmpstr(domain->uuid, ==, UUID);
    }
    g_assert_null(rl_xml_domain_parse_kept("<domainsnapshot/>", 17, "file", &error));
    take_xml_error(error, "file", "<domainsnapshot/>");
}

/* What libvirt may read in another way. */
static void
test_oddities(void)
{
    assert_odd("", "", NULL);
    assert_odd("", "<metadata><a:b xmlns:a='urn:a' a:c='d'>e<a:f/></a:b></metadata>", NULL);
    assert_odd("", "<qemu:commandline><qemu:arg value='/a'/></qemu:commandline>", NULL);
    assert_odd("",
               "<devices>\n<disk><driver/><source file='/a'>\n<dataStore><source/></dataStore>"
               "</source><backingStore><format/><source/><backingStore/></backingStore></disk>"
               "<disk><source/></disk><serial><source mode='bind'/><source/></serial></devices>",
               NULL);
    assert_odd("", "<devices><disk><source x:file='/a' xmlns:x='urn:x'/></disk></devices>",
               "attribute 'file' in a namespace at <source>");
    assert_odd("", "<os><qemu:kernel>/k</qemu:kernel></os>", "a namespace at <qemu:kernel>");
    assert_odd("", "<kernel xmlns='urn:x'>/k</kernel>", "a namespace at <kernel>");
    assert_odd("", "<os><kernel>/k<x/></kernel></os>", "text beside elements at <kernel>");
    assert_odd("", "<os><kernel><x/><![CDATA[/k]]></kernel></os>",
               "text beside elements at <kernel>");
    assert_odd("", "<os><metadata><kernel>/k<x/></kernel></metadata></os>",
               "text beside elements at <kernel>");
    assert_odd("", "<devices><disk><source/><source file='/a'/></disk></devices>",
               "a second one at <source>");
    assert_odd("", "<devices><disk><backingStore/><backingStore/></disk></devices>",
               "a second one at <backingStore>");
    assert_odd("", "text<os/>", "text beside elements at <domain>");
    assert_odd("<?xml version='1.0'?>", "", NULL);
    assert_odd("<!-- encoding='UTF-7' -->", "", NULL);
    assert_odd("<?xml version='1.0' encoding = 'utf-8' standalone='yes'?>", "", NULL);
    assert_odd("<?xml version='1.0' encoding='UTF-7'?>", "", "the declared encoding 'UTF-7'");
    assert_odd("<?xml\nversion=\"1.0\"\n encoding=\"UTF-7\"?>", "",
               "the declared encoding 'UTF-7'");
    assert_odd("\xef\xbb\xbf<?xml version='1.0' encoding='UTF-7'?>", "",
               "the declared encoding 'UTF-7'");
}

/* Whatever names a file elsewhere than as a disk's image. */
static void
test_files(void)
{
    assert_files("<os><type>hvm</type><loader type='pflash'>/l</loader><nvram template='/t'>"
                 " /v\n</nvram><kernel>/k</kernel><cmdline>root=/dev/sda</cmdline></os>",
                 "<loader> /l; <nvram> /t; <nvram> /v; <kernel> /k; <cmdline> /root=/dev/sda");
    assert_files("<devices><serial><source path='srv/x'/><log file='x'/></serial></devices>",
                 "<source> /srv/x");
    assert_files("<os><nvram type='file'><source file='/v'/></nvram></os><devices>"
                 "<serial type='file'><source path='/s'/><log file='/log'/></serial>"
                 "<memory model='nvdimm'><source><path>/pmem</path></source></memory>"
                 "<later><still later='/x'/></later></devices>",
                 "<source> /v; <source> /s; <log> /log; <path> /pmem; <still> /x");
    assert_files("<devices><disk><source file='/a'><config file='/c'/><dataStore><source "
                 "file='/b'/></dataStore></source><mirror file='/m'/><backingStore><source "
                 "dev='/d'/></backingStore></disk><filesystem><source dir='/w'/>"
                 "<target dir='/guest'/></filesystem><filesystem><source dir='/r'/><readonly/>"
                 "</filesystem></devices>",
                 "<config> /c; <source> /w shared; <target> /guest; <source> /r");
    assert_files("<qemu:commandline><qemu:arg value='-drive'/><qemu:arg "
                 "value='format=raw,file=/p/a,,b.img,id=x'/><qemu:arg value='{&quot;filename&quot;:"
                 "&quot;/p/c.img&quot;}'/><qemu:arg value='a/b'/></qemu:commandline>",
                 "<qemu:arg> /p/a,b.img; <qemu:arg> /p/c.img");
}

/* Of the elements that name a file each, one more than the most are told. */
static void
test_many_elements(void)
{
    g_autofree char *elements = repeat("<loader>/l</loader>", RL_NAMED_FILES_MAX + 100);
    g_autofree char *text = g_strconcat(FILES_HEAD "<os>", elements, "</os></domain>", NULL);
    g_autoptr(RlDomain) domain = rl_xml_domain_parse(text, strlen(text), "the domain", NULL);

    g_assert_nonnull(domain);
    g_assert_cmpuint(domain->files->len, ==, RL_NAMED_FILES_MAX + 1);
}

/* No document costs more than its size. */
static void
test_many_files(void)
{
    g_autoptr(GString) text = g_string_new(FILES_HEAD "<qemu:commandline><qemu:arg value='");

    for (int i = 0; i < 1000000; i++)
        g_string_append(text, "=/");
    g_string_append(text, "'/></qemu:commandline></domain>");
    g_autoptr(RlDomain) domain = rl_xml_domain_parse(text->str, text->len, "the domain", NULL);
    g_assert_nonnull(domain);
    g_assert_cmpuint(domain->files->len, ==, RL_NAMED_FILES_MAX + 1);
}

static void
test_bad_identity(void)
{
    const char *name = "<name>n</name>", *uuid = "<uuid>" UUID "</uuid>";
    const char *bad[] = {"x", "0f3a9c1e4b7d4e2a9c551d2e3f405162", UUID " ", UUID "0",
                         "0g3a9c1e-4b7d-4e2a-9c55-1d2e3f405162"};

    refuse("<volume/>", "<volume> & <domain>");
    refuse("<domain xmlns='urn:o'/>", "<domain>");
    refuse("<domain/>", "<domain> & type");
    refuse("<domain type=''/>", "<domain> & type");
    g_autofree char *no_name = g_strconcat("<domain type='xen'>", uuid, "</domain>", NULL);
    g_autofree char *no_uuid = g_strconcat("<domain type='xen'>", name, "</domain>", NULL);
    refuse(no_name, "<domain> & <name>");
    refuse(no_uuid, "<domain> & <uuid>");
    refuse("<domain type='xen'><name/></domain>", "empty & <name> & <domain>");
    refuse("<domain type='xen'><name>n<b/></name></domain>", "<b> & <name>");
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *text =
            g_strdup_printf("<domain type='xen'>%s<uuid>%s</uuid></domain>", name, bad[i]);
        refuse(text, "<uuid>");
    }
}

/* A domain's metadata can hold anything, also what looks like disks. */
static void
test_only_own_disks(void)
{
    const char *text =
        HEAD "<metadata><m:a xmlns:m='urn:m'><devices><disk/></devices></m:a></metadata>"
             "<disk/><x:y/><other><disk/></other><devices><hostdev><disk/></hostdev>"
             "<disk xmlns='urn:m'><source file='/no'/></disk>"
             "<disk xmlns:m='urn:m'><m:source file='/no'/><source m:file='/no'/></disk>"
             "</devices><devices><disk><source file='/two'/></disk></devices></domain>";
    g_autoptr(GError) error = NULL;
    g_autoptr(RlDomain) domain = rl_xml_domain_parse(text, strlen(text), "the domain", &error);

    g_assert_no_error(error);
    g_assert_cmpuint(domain->disks->len, ==, 2);
    g_assert_null(disk_at(domain, 0)->path);
    g_assert_cmpstr(disk_at(domain, 1)->path, ==, "/two");
}

/* A disk with @depth layers below it, ended as libvirt does, to be freed. */
static char *
deep_disk(size_t depth)
{
    g_autofree char *open = repeat("<backingStore type='file'><source file='/l'/>", depth);
    g_autofree char *close = repeat("</backingStore>", depth);

    return g_strconcat("<disk>", open, "<backingStore/>", close, "</disk>", NULL);
}

static void
test_limits(void)
{
    g_autofree char *deep = deep_disk(RL_DISK_CHAIN_MAX);
    g_autofree char *too_deep = deep_disk(RL_DISK_CHAIN_MAX + 1);
    g_autofree char *far_too_deep = deep_disk(5000);
    g_autofree char *many = repeat("<disk/>", RL_DOMAIN_DISKS_MAX);
    g_autofree char *too_many = g_strconcat(many, "<disk/>", NULL);
    g_autofree char *padding = repeat("          ", RL_DOMAIN_SIZE_MAX / 10 - 20);
    g_autofree char *too_long = repeat("          ", RL_DOMAIN_SIZE_MAX / 10);

    g_autoptr(RlDomain) chain = parse(deep);
    g_assert_cmpuint(disk_at(chain, 0)->backing->len, ==, RL_DISK_CHAIN_MAX);
    refuse_devices(too_deep, "200 & <backingStore>");
    refuse_devices(far_too_deep, "Excessive depth");

    g_autoptr(RlDomain) disks = parse(many);
    g_assert_cmpuint(disks->disks->len, ==, RL_DOMAIN_DISKS_MAX);
    refuse_devices(too_many, "1024");

    g_autoptr(RlDomain) padded = parse(padding);
    g_assert_cmpuint(padded->disks->len, ==, 0);
    refuse_devices(too_long, "9437184");
}

static void
test_hostile(void)
{
    const char *dtd =
        "<!DOCTYPE domain [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>" HEAD "</domain>";
    const char *nul = HEAD "</domain>\0";
    g_autofree char *text = domain_with("<disk type='file'><source file='/a'/>"
                                        "<backingStore/><mirror file='/m'/></disk>");

    refuse(dtd, "document type");
    refuse_bytes(nul, strlen(nul) + 1, "NUL");
    refuse(HEAD "\xfe</domain>", "UTF-8");
    for (size_t length = 0; length < strlen(text); length++)
        refuse_bytes(text, length, "the domain: ");
}

/* As whom the emulator is to run, if it is not libvirt that says so. */
static void
test_labels(void)
{
    static const struct {
        const char *xml, *label;
    } cases[] = {
        {"<seclabel type='dynamic' model='dac' relabel='yes'><label>+1:+1</label></seclabel>",
         NULL},
        {"<seclabel model='selinux'><baselabel></baselabel></seclabel>", NULL},
        {"<seclabel type='none' model='apparmor'/>", NULL},
        {"<seclabel type='none' model='none'/>", NULL},
        {"<devices><seclabel type='static' model='dac'><label>a</label></seclabel></devices>",
         NULL},
        {"<seclabel type='static' model='dac'><label> +0:+0 </label></seclabel>",
         "dac static +0:+0"},
        {"<seclabel type='static'><label>a</label></seclabel>", "static a"},
        {"<seclabel type='none' model='dac'/>", "dac none"},
        {"<seclabel model='selinux'><label>x</label><baselabel>b:c</baselabel></seclabel>",
         "selinux dynamic  b:c"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = g_strconcat(HEAD, cases[i].xml, "</domain>", NULL);
        g_autoptr(RlDomain) domain = rl_xml_domain_parse(text, strlen(text), "the domain", NULL);
        g_assert_nonnull(domain);
        g_assert_cmpuint(domain->labels->len, ==, cases[i].label ? 1 : 0);
        if (cases[i].label)
            g_assert_cmpstr(g_ptr_array_index(domain->labels, 0), ==, cases[i].label);
    }
}

void
add_tests(void)
{
    g_test_add_func("/xml/domain/labels", test_labels);
    g_test_add_func("/xml/domain/identity", test_identity);
    g_test_add_func("/xml/domain/files", test_files);
    g_test_add_func("/xml/domain/oddities", test_oddities);
    g_test_add_func("/xml/domain/kept", test_kept);
    g_test_add_func("/xml/domain/many-files", test_many_files);
    g_test_add_func("/xml/domain/many-elements", test_many_elements);
    g_test_add_func("/xml/domain/bad-identity", test_bad_identity);
    g_test_add_func("/xml/domain/only-own-disks", test_only_own_disks);
    g_test_add_func("/xml/domain/limits", test_limits);
    g_test_add_func("/xml/domain/hostile", test_hostile);
}
