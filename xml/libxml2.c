/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "libxml2.h"

#include "common/base/error.h"
#include "text.h"

#include <dlfcn.h>
#include <libxml/parser.h>
#include <stdbool.h>
#include <string.h>

#define LONGEST_SENTENCE 200 /* characters */

#if LIBXML_VERSION >= 21200
typedef const xmlError ParserError;
#else
typedef xmlError ParserError;
#endif

typedef struct {
    __typeof__(&xmlNewParserCtxt) new_parser;
    __typeof__(&xmlFreeParserCtxt) free_parser;
    __typeof__(&xmlCtxtReadMemory) read_memory;
    __typeof__(&xmlStopParser) stop_parser;
    __typeof__(&xmlDocGetRootElement) get_root;
    __typeof__(&xmlFreeDoc) free_doc;
} Library;

/* What the callbacks of one parser leave behind. */
typedef struct {
    const Library *library;
    char *message; /* of the first error that makes the document unusable */
    int line;
    bool doctype;
} Outcome;

/* libxml2 quotes the document: always below its first line, sometimes in it, control characters and
 * all, and it cuts what is long anywhere. */
static char *
as_sentence(const char *message)
{
    g_autofree char *line = g_strndup(message, strcspn(message, "\n"));
    g_autofree char *valid = g_strchomp(g_utf8_make_valid(line, -1));

    return rl_xml_visible(valid, LONGEST_SENTENCE);
}

/* The first error is the one that helps; those that follow from it are noise. */
static void
keep_first_error(void *data, ParserError *problem)
{
    xmlParserCtxt *parser = data;
    Outcome *outcome = parser->_private;

    if (outcome->message || problem->level < XML_ERR_FATAL)
        return;
    /* GCOV_EXCL_START: libxml2 has a message for each of its errors. */
    outcome->message = as_sentence(problem->message ? problem->message : "malformed");
    /* GCOV_EXCL_STOP */
    outcome->line = problem->line;
}

/* Called at "<!DOCTYPE name", before any declaration in it is read: no entity ever gets defined. */
static void
stop_at_doctype(void *data, const xmlChar *name, const xmlChar *public_id, const xmlChar *system_id)
{
    xmlParserCtxt *parser = data;
    Outcome *outcome = parser->_private;

    (void) name;
    (void) public_id;
    (void) system_id;
    outcome->doctype = true;
    /* GCOV_EXCL_START: libxml2 calls while it has an input. */
    outcome->line = parser->input ? parser->input->line : 0;
    /* GCOV_EXCL_STOP */
    outcome->library->stop_parser(parser);
}

/* It is never unloaded: it would not be whole after that. */
static bool
load(const char *soname, Library *library)
{
    void *handle = dlopen(soname, RTLD_NOW | RTLD_LOCAL);

    if (!handle)
        return false;
    library->new_parser = dlsym(handle, "xmlNewParserCtxt");
    library->free_parser = dlsym(handle, "xmlFreeParserCtxt");
    library->read_memory = dlsym(handle, "xmlCtxtReadMemory");
    library->stop_parser = dlsym(handle, "xmlStopParser");
    library->get_root = dlsym(handle, "xmlDocGetRootElement");
    library->free_doc = dlsym(handle, "xmlFreeDoc");
    return true;
}

static bool
check_outcome(const Outcome *outcome, const xmlNode *root, const char *what, GError **error)
{
    if (outcome->doctype)
        return rl_fail(error, RL_ERROR_XML,
                       "%s: line %d: a document type declaration is not allowed", what,
                       outcome->line);
    if (outcome->message)
        return rl_fail(error, RL_ERROR_XML, "%s: line %d: %s", what, outcome->line,
                       outcome->message);
    /* GCOV_EXCL_START: a parse that fails without an error is none that libxml2 has. */
    return root || rl_fail(error, RL_ERROR_XML, "%s: not well-formed XML", what);
    /* GCOV_EXCL_STOP */
}

static RlXmlDocument *
read_with(const Library *library, xmlParserCtxt *parser, const char *text, size_t length,
          const char *what, GError **error)
{
    g_autoptr(RlXmlDocument) document = rl_xml_document_new();
    Outcome outcome = {.library = library};

    parser->_private = &outcome;
    parser->sax->serror = keep_first_error;
    parser->sax->internalSubset = stop_at_doctype;
    document->free_whole = library->free_doc;
    document->whole =
        library->read_memory(parser, text, (int) length, NULL, "UTF-8",
                             XML_PARSE_NONET | XML_PARSE_NOWARNING | XML_PARSE_NOCDATA);
    document->root = document->whole ? library->get_root(document->whole) : NULL;
    bool good = check_outcome(&outcome, document->root, what, error);
    g_free(outcome.message);
    return good ? g_steal_pointer(&document) : NULL;
}

RlXmlDocument *
rl_xml_parse_with_libxml2(const char *soname, const char *text, size_t length, const char *what,
                          GError **error)
{
    Library library;

    if (!load(soname, &library)) {
        rl_fail(error, RL_ERROR_XML, "%s: cannot load %s, which reads it: %s", what, soname,
                dlerror());
        return NULL;
    }
    xmlParserCtxt *parser = library.new_parser();
    /* GCOV_EXCL_START: only without memory. */
    if (!parser) {
        rl_fail(error, RL_ERROR_XML, "%s: no memory for an XML parser", what);
        return NULL;
    }
    /* GCOV_EXCL_STOP */
    RlXmlDocument *document = read_with(&library, parser, text, length, what, error);
    library.free_parser(parser);
    return document;
}
