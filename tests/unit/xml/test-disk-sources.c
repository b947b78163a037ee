/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Other paths for the disks of a domain: these bytes change, and no others. */
#include "xml/disk-sources.h"

#include "harness/xml-testing.h"

#define OLD "/p/volumes/a-dirty.img"
#define DISK(inside) "<disk type='file' device='disk'>" inside "</disk>"
#define DOMAIN(inside) \
    "<domain type='kvm'>\n <name>vm</name>\n <devices>" inside "</devices>\n</domain>\n"

static char *
replace(const char *xml, guint *ret_n, GError **error)
{
    g_autoptr(GHashTable) paths = g_hash_table_new(g_str_hash, g_str_equal);

    g_hash_table_insert(paths, (char *) OLD, (char *) "/p/a");
    g_hash_table_insert(paths, (char *) "/p/b&'\"<>", (char *) "/q/'&\"<>");
    return rl_xml_disk_sources_replace(xml, paths, "the domain", ret_n, error);
}

static void
expect(const char *xml, const char *wanted, guint n)
{
    g_autoptr(GError) error = NULL;
    guint count;
    g_autofree char *text = replace(xml, &count, &error);

    g_assert_no_error(error);
    g_assert_cmpstr(text, ==, wanted);
    g_assert_cmpuint(count, ==, n);
}

static void
expect_same(const char *xml)
{
    expect(xml, xml, 0);
}

static void
refuse(const char *xml, const char *words)
{
    GError *error = NULL;
    guint n;

    g_assert_null(replace(xml, &n, &error));
    take_xml_error(error, words, xml);
}

static void
test_disks(void)
{
    expect(DOMAIN(DISK("<source file='" OLD "' index='1'/><target dev='a'/>")),
           DOMAIN(DISK("<source file='/p/a' index='1'/><target dev='a'/>")), 1);
    expect(DOMAIN(DISK("<source\n startupPolicy = \"optional\"\tfile = \"" OLD "\" ></source>")
                      DISK("<source file='/other'/>") DISK("<source file='" OLD "'/>")),
           DOMAIN(DISK("<source\n startupPolicy = \"optional\"\tfile = \"/p/a\" ></source>")
                      DISK("<source file='/other'/>") DISK("<source file='/p/a'/>")),
           2);
    expect_same(DOMAIN(DISK("<source file='" OLD "2'/>") DISK("<source file='/x" OLD "'/>")));
    expect_same(DOMAIN(""));
}

/* A value is compared as it is read, and written so that it is read as it was meant. */
static void
test_entities(void)
{
    expect(DOMAIN(DISK("<source file='/p/b&amp;&#39;&#x22;&lt;>'/>")),
           DOMAIN(DISK("<source file='/q/&apos;&amp;&quot;&lt;&gt;'/>")), 1);
    expect(DOMAIN(DISK("<source file='/p/volumes&#x2F;a-dirty.img'/>")),
           DOMAIN(DISK("<source file='/p/a'/>")), 1);
}

/* What is no source of a disk itself keeps its path. */
static void
test_elsewhere(void)
{
    expect_same(DOMAIN(DISK("<backingStore type='file'><source file='" OLD "'/></backingStore>")
                           DISK("<mirror type='file'><source file='" OLD "'/></mirror>")));
    expect_same(DOMAIN(DISK("<source file='/x'><source file='" OLD "'/></source>")));
    expect_same(DOMAIN("<filesystem><source file='" OLD "'/></filesystem>"));
    expect_same(DOMAIN("<source file='" OLD "'/>"));
    expect_same(DOMAIN(DISK("<source dev='" OLD "'/><target file='" OLD "'/>")));
    expect_same(DOMAIN(DISK("<source xfile='" OLD "' file2='" OLD "'/>")));
    expect_same("<domain><metadata><devices>" DISK(
        "<source file='" OLD "'/>") "</devices></metadata><devices/></domain>");
}

/* What looks like a tag, and is none. */
static void
test_no_tags(void)
{
    expect("<?xml version='1.0'?><!-- <domain> '\"- ><domain type=\"<\" --><domain>"
           "<title><![CDATA[<devices><disk><source file='" OLD "'/>]]></title>"
           "<description a='>/'>'</description><devices><!-- <disk> -->" DISK(
               "<?pi <source file='" OLD "'/>?><source file='" OLD "'/>") "</devices></domain>",
           "<?xml version='1.0'?><!-- <domain> '\"- ><domain type=\"<\" --><domain>"
           "<title><![CDATA[<devices><disk><source file='" OLD "'/>]]></title>"
           "<description a='>/'>'</description><devices><!-- <disk> -->" DISK(
               "<?pi <source file='" OLD "'/>?><source file='/p/a'/>") "</devices></domain>",
           1);
}

static void
test_refused(void)
{
    refuse("", "the domain");
    refuse("<domain><devices>", "the domain");
    refuse("<network/>", "the domain & domain");
    refuse("<!DOCTYPE domain [<!ENTITY e 'x'>]><domain/>", "document type");
    /* An XML parser sees no disk there, but libvirt might. */
    refuse("<domain><devices xmlns='urn:x'>" DISK("<source file='" OLD "'/>") "</devices></domain>",
           "virsh edit");
}

static void
test_names_path(void)
{
    static const struct {
        const char *xml;
        bool named;
    } rows[] = {
        {"<domainsnapshot><domain>" DISK("<source file='" OLD "'/>") "</domain></domainsnapshot>",
         true},
        {"<a><b>" OLD "</b></a>", true},
        {"<a b='" OLD "2'><b>x" OLD "</b></a>", false},
        {"<a/>", false},
    };
    GError *error = NULL;
    bool named;

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_assert_true(rl_xml_names_path(rows[i].xml, OLD, "it", &named, &error));
        g_assert_no_error(error);
        g_assert_cmpint(named, ==, rows[i].named);
    }
    g_assert_false(rl_xml_names_path("<a>", OLD, "it", &named, &error));
    take_xml_error(error, "it", "<a>");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/disk-sources/disks", test_disks);
    g_test_add_func("/disk-sources/entities", test_entities);
    g_test_add_func("/disk-sources/elsewhere", test_elsewhere);
    g_test_add_func("/disk-sources/no-tags", test_no_tags);
    g_test_add_func("/disk-sources/refused", test_refused);
    g_test_add_func("/disk-sources/names-path", test_names_path);
    return g_test_run();
}
