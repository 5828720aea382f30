/* See selector.h. The grammar of apimachinery's labels.Parse, without < and >, which pods' labels have no use for. */
#include "kube/selector.h"

#include <ctype.h>
#include <string.h>

#define LABEL_MAX 63
#define PREFIX_MAX 253

static bool is_alnum(char c)
{
	return isalnum((unsigned char)c) != 0;
}

bool td_kube_is_dns_label(const char *text, size_t len)
{
	if (len == 0 || len > LABEL_MAX || text[0] == '-' || text[len - 1] == '-')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!(is_alnum(text[i]) && !isupper((unsigned char)text[i])) && text[i] != '-')
			return false;
	return true;
}

/* Dot-separated labels. */
static bool is_dns_subdomain(const char *text, size_t len)
{
	size_t start = 0;

	if (len > PREFIX_MAX)
		return false;
	for (size_t i = 0; i <= len; i++) {
		if (i < len && text[i] != '.')
			continue;
		if (!td_kube_is_dns_label(text + start, i - start))
			return false;
		start = i + 1;
	}
	return true;
}

/* The name part of a key; a value is one too, or empty. */
static bool is_name(const char *text, size_t len)
{
	if (len == 0 || len > LABEL_MAX || !is_alnum(text[0]) || !is_alnum(text[len - 1]))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_alnum(text[i]) && !strchr("-_.", text[i]))
			return false;
	return true;
}

static bool is_key(const char *text, size_t len)
{
	const char *slash = memchr(text, '/', len);
	size_t prefix = slash ? (size_t)(slash - text) : 0;

	if (!slash)
		return is_name(text, len);
	return is_dns_subdomain(text, prefix) && is_name(slash + 1, len - prefix - 1);
}

static bool is_value(const char *text, size_t len)
{
	return len == 0 || is_name(text, len);
}

static const char *skip_spaces(const char *text)
{
	while (*text == ' ' || *text == '\t')
		text++;
	return text;
}

/* One word: up to a space or anything that has a meaning. */
static size_t word(const char *text)
{
	return strcspn(text, " \t,=!()");
}

static bool is_word(const char *text, const char *expected)
{
	return word(text) == strlen(expected) && strncmp(text, expected, strlen(expected)) == 0;
}

/* "(a, b)". The text behind it; NULL: it is none. */
static const char *take_set(const char *text)
{
	if (*text != '(')
		return NULL;
	do {
		text = skip_spaces(text + 1);
		if (!is_value(text, word(text)))
			return NULL;
		text = skip_spaces(text + word(text));
	} while (*text == ',');
	return *text == ')' ? text + 1 : NULL;
}

/* "a=b", "a in (b)", "a", "!a". The text behind it; NULL: it is none. */
static const char *take_requirement(const char *text)
{
	bool absent = *text == '!';

	text = skip_spaces(text + absent);
	if (!is_key(text, word(text)))
		return NULL;
	text = skip_spaces(text + word(text));
	if (absent || *text == ',' || *text == '\0')
		return text;
	if (is_word(text, "in") || is_word(text, "notin"))
		return take_set(skip_spaces(text + word(text)));
	if (*text != '=' && strncmp(text, "!=", 2) != 0)
		return NULL;
	text = skip_spaces(text + (text[0] == '!' || text[1] == '=' ? 2 : 1));
	return is_value(text, word(text)) ? text + word(text) : NULL;
}

enum td_error_code td_kube_selector_check(const char *text, struct td_error *err)
{
	const char *rest = skip_spaces(text);

	while (*rest) {
		const char *end = take_requirement(rest);

		end = end ? skip_spaces(end) : NULL;
		if (!end || (*end != '\0' && *end != ',') || (*end == ',' && !*skip_spaces(end + 1)))
			return td_error_set(err, TD_ERR_INVALID,
					    "\"%s\" is no label selector (key=value, comma-separated), from \"%s\" on", text,
					    rest);
		rest = *end == ',' ? skip_spaces(end + 1) : end;
	}
	return TD_OK;
}
