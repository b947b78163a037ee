/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "parser.h"

#include "common/base/error.h"
#include "text.h"

#include <libxml/parser.h>
#include <limits.h>
#include <string.h>

#define LONGEST_SENTENCE 200 /* characters */

#if LIBXML_VERSION >= 21200
typedef const xmlError ParserError;
#else
typedef xmlError ParserError;
#endif

/* What the callbacks of one parser leave behind. */
typedef struct {
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
    outcome->message = as_sentence(problem->message ? problem->message : "malformed");
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
    outcome->line = parser->input ? parser->input->line : 0;
    xmlStopParser(parser);
}

static int
line_of(const char *text, const char *position)
{
    int line = 1;

    for (; text < position; text++)
        line += *text == '\n';
    return line;
}

/* libxml2 takes a NUL for the end of the document, ignoring what follows, and its versions differ
 * in what they make of bad UTF-8. */
static bool
check_bytes(const char *text, size_t length, size_t limit, const char *what, GError **error)
{
    const char *end;

    if (length == 0)
        return rl_fail(error, RL_ERROR_XML, "%s: the document is empty", what);
    if (length > limit || length > INT_MAX)
        return rl_fail(error, RL_ERROR_XML, "%s: the document is longer than %zu bytes", what,
                       MIN(limit, (size_t) INT_MAX));

    const char *nul = memchr(text, '\0', length);
    if (nul)
        return rl_fail(error, RL_ERROR_XML, "%s: line %d: a NUL byte", what, line_of(text, nul));
    if (!g_utf8_validate(text, (gssize) length, &end))
        return rl_fail(error, RL_ERROR_XML, "%s: line %d: not valid UTF-8", what,
                       line_of(text, end));
    return true;
}

static bool
check_outcome(const Outcome *outcome, const xmlDoc *document, const char *what, GError **error)
{
    if (outcome->doctype)
        return rl_fail(error, RL_ERROR_XML,
                       "%s: line %d: a document type declaration is not allowed", what,
                       outcome->line);
    if (outcome->message)
        return rl_fail(error, RL_ERROR_XML, "%s: line %d: %s", what, outcome->line,
                       outcome->message);
    if (!document || !xmlDocGetRootElement(document))
        return rl_fail(error, RL_ERROR_XML, "%s: not well-formed XML", what);
    return true;
}

static xmlDoc *
read_with(xmlParserCtxt *parser, const char *text, size_t length, const char *what, GError **error)
{
    Outcome outcome = {0};

    parser->_private = &outcome;
    parser->sax->serror = keep_first_error;
    parser->sax->internalSubset = stop_at_doctype;

    xmlDoc *document = xmlCtxtReadMemory(parser, text, (int) length, NULL, "UTF-8",
                                         XML_PARSE_NONET | XML_PARSE_NOWARNING | XML_PARSE_NOCDATA |
                                             XML_PARSE_BIG_LINES);
    bool good = check_outcome(&outcome, document, what, error);

    g_free(outcome.message);
    if (good)
        return document;
    xmlFreeDoc(document);
    return NULL;
}

xmlDoc *
rl_xml_parse(const char *text, size_t length, size_t limit, const char *what, GError **error)
{
    if (!check_bytes(text, length, limit, what, error))
        return NULL;

    xmlParserCtxt *parser = xmlNewParserCtxt();
    if (!parser) {
        rl_fail(error, RL_ERROR_XML, "%s: no memory for an XML parser", what);
        return NULL;
    }
    xmlDoc *document = read_with(parser, text, length, what, error);
    xmlFreeParserCtxt(parser);
    return document;
}
