/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The schemas and the parsers agree, document by document. */
#include "harness/xml-autoptr.h"
#include "harness/xml-testing.h"
#include "xml/pool-options.h"
#include "xml/volume-record.h"

#include <libxml/parser.h>
#include <libxml/relaxng.h>

#if !defined(RL_SCHEMA_DIR) && defined(SOURCE_DIR)
#define RL_SCHEMA_DIR SOURCE_DIR "/xml/schemas"
#endif

G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlRelaxNG, xmlRelaxNGFree)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlRelaxNGParserCtxt, xmlRelaxNGFreeParserCtxt)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlRelaxNGValidCtxt, xmlRelaxNGFreeValidCtxt)

#define POOL(inner) "<pool type='dir' " NS "><name>p</name>" inner "</pool>"
#define OPTIONS(inner) "<reflink:options " NS ">" inner "</reflink:options>"
#define RULE(attributes) OPTIONS("<reflink:volume " attributes "/>")
#define KEEP(number) OPTIONS("<reflink:revisions keep='" number "'/>")
#define RECORD(inner) "<volume " NS ">" inner "</volume>"
#define NAME "<name>a/b</name>"
#define CAPACITY "<capacity unit='bytes'>1024</capacity>"
#define OURS "<reflink:volume kind='volatile'/>"

/* A document and whether it is good. */
typedef struct {
    bool good;
    const char *text;
} Example;

static const Example options_examples[] = {
    {true, POOL("<target><path>/p</path></target>")},
    {true, POOL("<reflink:options><reflink:fallback copy='yes'/></reflink:options><target/>")},
    {true,
     "<pool xmlns:r='urn:libvirt-reflink:storagepool:1.0' xmlns:o='urn:o' o:a='1'><o:b o:c='d'/>"
     "text<r:options><r:revisions keep='2'/></r:options></pool>"},
    {true, OPTIONS("")},
    {true, OPTIONS("<!-- c --> <reflink:volume match='a' keep='1'/><reflink:revisions keep='3'/>"
                   "<reflink:volume match='b' kind='volatile'/><reflink:fallback copy='no'> "
                   "</reflink:fallback><reflink:volume kind='direct' keep='0' match='*'/>")},
    {true, "<options xmlns='urn:libvirt-reflink:storagepool:1.0'><revisions keep='1'/></options>"},
    {true, KEEP("0")},
    {true, KEEP("99999")},
    {true, KEEP("100000")},
    {true, RULE("match='a' kind='persistent'")},
    {true, RULE("match=' ' keep='1'")},
    {true, RULE("match='\xc3\xa4&#10;&apos;' keep='1'")},
    {false, "<volume/>"},
    {false, "<options/>"},
    {false, POOL("<reflink:options/><reflink:options/>")},
    {false, POOL("<reflink:option/>")},
    {false, POOL("<target><reflink:options/></target>")},
    {false, POOL("<reflink:options/><target reflink:keep='1'/>")},
    {false, "<pool " NS " reflink:a='1'/>"},
    {false, "<reflink:options " NS " a='1'/>"},
    {false, "<reflink:options " NS " reflink:a='1'/>"},
    {false, OPTIONS("text")},
    {false, OPTIONS("<![CDATA[text]]>")},
    {false, OPTIONS("<reflink:revision keep='1'/>")},
    {false, OPTIONS("<revisions keep='1'/>")},
    {false, OPTIONS("<o:a xmlns:o='urn:o'/>")},
    {false, OPTIONS("<reflink:revisions/>")},
    {false, OPTIONS("<reflink:revisions reflink:keep='1'/>")},
    {false, OPTIONS("<reflink:revisions keep='1' copy='yes'/>")},
    {false, OPTIONS("<reflink:revisions keep='1'>x</reflink:revisions>")},
    {false, OPTIONS("<reflink:revisions keep='1'><x/></reflink:revisions>")},
    {false, OPTIONS("<reflink:revisions keep='1'/><reflink:revisions keep='1'/>")},
    {false, OPTIONS("<reflink:fallback copy='no'/><reflink:fallback copy='no'/>")},
    {false, OPTIONS("<reflink:fallback/>")},
    {true, OPTIONS("<reflink:paths form='link'/>")},
    {true, OPTIONS("<reflink:paths form='image'/>")},
    {false, OPTIONS("<reflink:paths form='short'/>")},
    {false, OPTIONS("<reflink:paths/>")},
    {false, OPTIONS("<reflink:paths form='link' x='1'/>")},
    {false, OPTIONS("<reflink:paths form='link'/><reflink:paths form='link'/>")},
    {false, OPTIONS("<reflink:fallback copy='maybe'/>")},
    {false, OPTIONS("<reflink:fallback copy=' yes '/>")},
    {false, OPTIONS("<reflink:fallback copy=''/>")},
    {false, KEEP("")},
    {false, KEEP("-1")},
    {false, KEEP("+1")},
    {false, KEEP(" 1")},
    {false, KEEP("1 ")},
    {false, KEEP("01")},
    {false, KEEP("100001")},
    {false, KEEP("1000000")},
    {false, KEEP("x")},
    {false, KEEP("1.0")},
    {false, RULE("keep='1'")},
    {false, RULE("match='a'")},
    {false, RULE("match='' keep='1'")},
    {false, RULE("match='a' kind='snapshot'")},
    {true, RULE("match='a' backing='snapshot'")},
    {true, RULE("match='a' backing='persistent' keep='3'")},
    {true, RULE("match='a' backing='direct' kind='volatile' keep='3'")},
    {true, RULE("match='a' backing='direct' kind='direct'")},
    {false, RULE("match='a' backing='volatile'")},
    {false, RULE("backing='direct'")},
    {false, RULE("match='a' kind='Direct'")},
    {false, RULE("match='a' kind='direct '")},
    {false, RULE("match='a' keep='x' kind='direct'")},
    {false, RULE("match='a' keep='1' xml:lang='de'")},
};

static const Example record_examples[] = {
    {true, RECORD(NAME CAPACITY OURS)},
    {true, RECORD(OURS CAPACITY NAME)},
    {true, RECORD(NAME "<capacity>0</capacity><reflink:volume kind='direct'/>")},
    {true, RECORD(NAME "<capacity>9223372036854775807</capacity>" OURS)},
    {true,
     RECORD(NAME CAPACITY "<reflink:volume kind='snapshot' source='t/root'> </reflink:volume>")},
    {true, RECORD(NAME CAPACITY "<reflink:volume kind='persistent'/>")},
    {true, RECORD(NAME CAPACITY "<reflink:volume kind='volatile' access='0640 107 -1'/>")},
    {false, RECORD(NAME CAPACITY "<reflink:volume kind='volatile' access='0680 107 -1'/>")},
    {false, RECORD(NAME CAPACITY "<reflink:volume kind='volatile' access='0640 107'/>")},
    {false, RECORD(NAME CAPACITY "<reflink:volume kind='direct' access='0640 107 -1'/>")},
    {true,
     RECORD("<key>k</key>" NAME CAPACITY "<target><o:x xmlns:o='urn:o'/>t</target>" OURS "<x/>")},
    {true, RECORD("<name x='1'>a<!-- c -->b</name>" CAPACITY OURS)},
    {true, "<volume type='file' " NS ">" NAME CAPACITY OURS "</volume>"},
    {false, "<reflink:volume " NS " kind='direct'/>"},
    {false, "<pool/>"},
    {false, RECORD("")},
    {false, RECORD(CAPACITY OURS)},
    {false, RECORD(NAME OURS)},
    {false, RECORD(NAME CAPACITY)},
    {false, RECORD(NAME NAME CAPACITY OURS)},
    {false, RECORD(NAME CAPACITY CAPACITY OURS)},
    {false, RECORD(NAME CAPACITY OURS OURS)},
    {false, RECORD(NAME CAPACITY OURS "text")},
    {false, RECORD(NAME CAPACITY OURS "<reflink:x/>")},
    {false, RECORD(NAME CAPACITY OURS "<o:x xmlns:o='urn:o'/>")},
    {false, RECORD(NAME CAPACITY OURS "<target><reflink:x/></target>")},
    {false, RECORD(NAME CAPACITY OURS "<target reflink:x='1'/>")},
    {false, RECORD("<name reflink:x='1'>a</name>" CAPACITY OURS)},
    {false, RECORD("<name/>" CAPACITY OURS)},
    {false, RECORD("<name>a<b/></name>" CAPACITY OURS)},
    {false, RECORD(NAME "<capacity/>" OURS)},
    {false, RECORD(NAME "<capacity unit='KiB'>1</capacity>" OURS)},
    {false, RECORD(NAME "<capacity x='1'>1</capacity>" OURS)},
    {false, RECORD(NAME "<capacity>-1</capacity>" OURS)},
    {false, RECORD(NAME "<capacity>+1</capacity>" OURS)},
    {false, RECORD(NAME "<capacity> 1</capacity>" OURS)},
    {false, RECORD(NAME "<capacity>01</capacity>" OURS)},
    {false, RECORD(NAME "<capacity>9223372036854775808</capacity>" OURS)},
    {false, RECORD(NAME CAPACITY "<reflink:volume/>")},
    {false, RECORD(NAME CAPACITY "<reflink:volume kind='other'/>")},
    {false, RECORD(NAME CAPACITY "<reflink:volume kind='snapshot'/>")},
    {false, RECORD(NAME CAPACITY "<reflink:volume kind='snapshot' source=''/>")},
    {false, RECORD(NAME CAPACITY "<reflink:volume kind='direct' source='a'/>")},
    {false, RECORD(NAME CAPACITY "<reflink:volume kind='direct' x='a'/>")},
    {false, RECORD(NAME CAPACITY "<reflink:volume kind='direct'>x</reflink:volume>")},
    {false, RECORD(NAME CAPACITY "<reflink:volume kind='direct'><x/></reflink:volume>")},
};

/* What the parser thinks of a document that is well-formed. */
typedef bool (*Judge)(const char *text, xmlDoc *document);

static bool
options_judge(const char *text, xmlDoc *document)
{
    const xmlNode *root = xmlDocGetRootElement(document);
    g_autoptr(RlOptions) options = NULL;

    if (strcmp((const char *) root->name, "pool") == 0)
        return rl_xml_options_from_nodes(root, &options, NULL);
    options = rl_xml_options_parse(text, strlen(text), "marker", NULL);
    return options != NULL;
}

static bool
record_judge(const char *text, xmlDoc *document)
{
    (void) document;
    g_autoptr(RlRecord) record = rl_xml_record_parse(text, strlen(text), "record", NULL);
    return record != NULL;
}

/* The test runs from the source tree. */
static xmlRelaxNG *
load_schema(const char *name)
{
#ifdef RL_SCHEMA_DIR
    g_autofree char *path = g_build_filename(RL_SCHEMA_DIR, name, NULL);
#else
    const char *tree = g_getenv("SOURCE_DIR");
    g_autofree char *path = g_build_filename(tree ? tree : ".", "xml/schemas", name, NULL);
#endif
    g_autoptr(xmlRelaxNGParserCtxt) parser = xmlRelaxNGNewParserCtxt(path);
    xmlRelaxNG *schema = xmlRelaxNGParse(parser);

    if (!schema)
        g_error("%s is no schema", path);
    return schema;
}

static bool
is_valid(xmlRelaxNG *schema, xmlDoc *document)
{
    g_autoptr(xmlRelaxNGValidCtxt) context = xmlRelaxNGNewValidCtxt(schema);

    xmlRelaxNGSetValidErrors(context, NULL, NULL, NULL);
    return xmlRelaxNGValidateDoc(context, document) == 0;
}

static void
check_example(xmlRelaxNG *schema, const char *text, bool good, Judge judge)
{
    g_autoptr(xmlDoc) document =
        xmlReadMemory(text, (int) strlen(text), NULL, NULL, XML_PARSE_NONET);
    g_assert_nonnull(document);

    if (judge(text, document) != good)
        g_error("the parser thinks otherwise of: %.300s", text);
    if (is_valid(schema, document) != good)
        g_error("the schema thinks otherwise of: %.300s", text);
}

static void
ignore_error(void *data, const char *format, ...)
{
    (void) data;
    (void) format;
}

static void
test_options(void)
{
    g_autoptr(xmlRelaxNG) schema = load_schema("reflink-options.rng");
    g_autofree char *longest = repeat("\xc3\xa4", RL_OPTIONS_MATCH_MAX);
    g_autofree char *good = g_strdup_printf(RULE("match='%s' keep='1'"), longest);
    g_autofree char *bad = g_strdup_printf(RULE("match='%sx' keep='1'"), longest);

    for (size_t i = 0; i < G_N_ELEMENTS(options_examples); i++)
        check_example(schema, options_examples[i].text, options_examples[i].good, options_judge);
    check_example(schema, good, true, options_judge);
    check_example(schema, bad, false, options_judge);
}

static void
test_record(void)
{
    g_autoptr(xmlRelaxNG) schema = load_schema("reflink-volume.rng");
    g_autofree char *longest = repeat("\xc3\xa4", RL_RECORD_NAME_MAX);
    g_autofree char *good = g_strdup_printf(RECORD("<name>%s</name>" CAPACITY OURS), longest);
    g_autofree char *bad = g_strdup_printf(RECORD("<name>%sx</name>" CAPACITY OURS), longest);

    for (size_t i = 0; i < G_N_ELEMENTS(record_examples); i++)
        check_example(schema, record_examples[i].text, record_examples[i].good, record_judge);
    check_example(schema, good, true, record_judge);
    check_example(schema, bad, false, record_judge);
}

/* What is written is valid, too. */
static void
test_formatted(void)
{
    g_autoptr(xmlRelaxNG) options_schema = load_schema("reflink-options.rng");
    g_autoptr(xmlRelaxNG) record_schema = load_schema("reflink-volume.rng");
    g_autoptr(RlOptions) options = rl_options_new();
    g_autoptr(RlRecord) record = rl_record_new(RL_KIND_SNAPSHOT, "a'<&>", G_MAXINT64);

    options->fallback_copy = true;
    options->path_links = true;
    rl_options_add_rule(options, "a'<&>\n", RL_KEEP_MAX, RL_KIND_DIRECT);
    g_autofree char *marker = rl_xml_options_format(options, true);
    g_autofree char *inner = rl_xml_options_format(options, false);
    g_autofree char *pool = g_strconcat("<pool " NS ">", inner, "</pool>", NULL);
    g_autofree char *volume = rl_xml_record_format(record, "a/b");
    g_autoptr(RlRecord) empty = rl_record_new(RL_KIND_VOLATILE, NULL, 0);
    g_autofree char *empty_volume = rl_xml_record_format(empty, "a/b");
    check_example(options_schema, marker, true, options_judge);
    check_example(options_schema, pool, true, options_judge);
    check_example(record_schema, volume, true, record_judge);
    check_example(record_schema, empty_volume, true, record_judge);
}

void
add_tests(void)
{
    xmlSetGenericErrorFunc(NULL, ignore_error);
    g_test_add_func("/xml/schemas/options", test_options);
    g_test_add_func("/xml/schemas/record", test_record);
    g_test_add_func("/xml/schemas/formatted", test_formatted);
}
