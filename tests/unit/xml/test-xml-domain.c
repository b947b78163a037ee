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
    refuse_devices(too_long, "4194304");
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

void
add_tests(void)
{
    g_test_add_func("/xml/domain/identity", test_identity);
    g_test_add_func("/xml/domain/bad-identity", test_bad_identity);
    g_test_add_func("/xml/domain/only-own-disks", test_only_own_disks);
    g_test_add_func("/xml/domain/limits", test_limits);
    g_test_add_func("/xml/domain/hostile", test_hostile);
}
