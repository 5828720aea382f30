/* See yaml.h. libyaml delivers events; the tree is built by plain recursion, whose depth is bounded by DEPTH_MAX. Without
 * anchors and aliases the tree is never larger than the text. */
#include "base/yaml.h"

#include "base/buf.h"
#include "base/yaml_scalar.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yaml.h>

#define DEPTH_MAX 32

struct reader {
	yaml_parser_t parser;
	yaml_event_t event; /* the current one; always valid to delete */
	const char *name;
	struct td_error err; /* of the first failure, which is the last thing done */
};

static json_t *read_node(struct reader *reader, int depth);

/* ---- errors: each returns NULL, for the caller to return as well ---- */

static void *fail_at(struct reader *reader, size_t line, const char *what)
{
	(void)td_error_set(&reader->err, TD_ERR_INVALID, "%s:%zu: %s", reader->name, line + 1, what);
	return NULL;
}

static void *fail(struct reader *reader, const char *what)
{
	return fail_at(reader, reader->event.start_mark.line, what);
}

static void *fail_memory(struct reader *reader)
{
	(void)td_error_set(&reader->err, TD_ERR_NOMEM, "%s: out of memory", reader->name);
	return NULL;
}

static bool next(struct reader *reader)
{
	const yaml_parser_t *parser = &reader->parser;

	yaml_event_delete(&reader->event); /* leaves an event that is valid to delete again */
	if (yaml_parser_parse(&reader->parser, &reader->event))
		return true;
	if (parser->error == YAML_MEMORY_ERROR)
		return fail_memory(reader);
	/* A byte that is no character has no mark of its own. */
	return fail_at(reader, parser->error == YAML_READER_ERROR ? parser->mark.line : parser->problem_mark.line,
		       parser->problem ? parser->problem : "not YAML");
}

/* The text of the current event, a scalar. NULL when it holds a NUL: every reader would see it cut. */
static const char *scalar_text(struct reader *reader)
{
	const char *text = (const char *)reader->event.data.scalar.value;

	if (strlen(text) == reader->event.data.scalar.length)
		return text;
	return fail(reader, "a NUL character");
}

static json_t *read_scalar(struct reader *reader)
{
	const char *text = scalar_text(reader), *problem = NULL;
	json_t *value;

	if (!text)
		return NULL;
	value = reader->event.data.scalar.plain_implicit ? td_yaml_plain(text, &problem) : json_string(text);
	if (problem)
		return fail(reader, problem);
	return value ? value : fail_memory(reader);
}

/* ---- collections ---- */

static bool is_decorated(const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return event->data.scalar.anchor || event->data.scalar.tag;
	case YAML_SEQUENCE_START_EVENT:
		return event->data.sequence_start.anchor || event->data.sequence_start.tag;
	case YAML_MAPPING_START_EVENT:
		return event->data.mapping_start.anchor || event->data.mapping_start.tag;
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
	case YAML_DOCUMENT_START_EVENT:
	case YAML_DOCUMENT_END_EVENT:
	case YAML_ALIAS_EVENT:
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		break;
	}
	return false;
}

static json_t *read_sequence(struct reader *reader, int depth)
{
	json_t *array = json_array();

	if (!array)
		return fail_memory(reader);
	while (next(reader)) {
		json_t *item;

		if (reader->event.type == YAML_SEQUENCE_END_EVENT)
			return array;
		item = read_node(reader, depth + 1);
		if (!item)
			break;
		if (json_array_append_new(array, item) < 0) {
			(void)fail_memory(reader);
			break;
		}
	}
	json_decref(array);
	return NULL;
}

/* Reads the value of the key that is the current event, and stores both. */
static bool read_member(struct reader *reader, json_t *object, int depth)
{
	json_t *value;
	const char *text;
	char *key;
	bool ok = false;

	if (reader->event.type != YAML_SCALAR_EVENT)
		return fail(reader, "a key that is no text");
	if (is_decorated(&reader->event))
		return fail(reader, "anchors and tags are not supported");
	text = scalar_text(reader);
	if (!text)
		return false;
	if (json_object_get(object, text))
		return fail(reader, "a duplicate key");
	key = strdup(text);
	if (!key)
		return fail_memory(reader);
	value = next(reader) ? read_node(reader, depth + 1) : NULL;
	if (value) {
		ok = json_object_set_new(object, key, value) == 0;
		if (!ok)
			(void)fail_memory(reader);
	}
	free(key);
	return ok;
}

static json_t *read_mapping(struct reader *reader, int depth)
{
	json_t *object = json_object();

	if (!object)
		return fail_memory(reader);
	while (next(reader)) {
		if (reader->event.type == YAML_MAPPING_END_EVENT)
			return object;
		if (!read_member(reader, object, depth))
			break;
	}
	json_decref(object);
	return NULL;
}

/* The node that starts with the current event. */
static json_t *read_node(struct reader *reader, int depth)
{
	if (reader->event.type == YAML_ALIAS_EVENT)
		return fail(reader, "aliases are not supported");
	if (is_decorated(&reader->event))
		return fail(reader, "anchors and tags are not supported");
	if (reader->event.type == YAML_SCALAR_EVENT)
		return read_scalar(reader);
	if (depth > DEPTH_MAX)
		return fail(reader, "nested too deep");
	return reader->event.type == YAML_MAPPING_START_EVENT ? read_mapping(reader, depth) : read_sequence(reader, depth);
}

/* ---- the document ---- */

static bool next_is(struct reader *reader, yaml_event_type_t type, const char *otherwise)
{
	return next(reader) && (reader->event.type == type || fail(reader, otherwise));
}

static json_t *read_document(struct reader *reader)
{
	json_t *root;

	if (!next_is(reader, YAML_STREAM_START_EVENT, "not YAML") ||
	    !next_is(reader, YAML_DOCUMENT_START_EVENT, "no document"))
		return NULL;
	root = next(reader) ? read_node(reader, 1) : NULL;
	if (root && next_is(reader, YAML_DOCUMENT_END_EVENT, "not YAML") &&
	    next_is(reader, YAML_STREAM_END_EVENT, "more than one document"))
		return root;
	json_decref(root);
	return NULL;
}

json_t *td_yaml_load_text(const char *text, size_t len, const char *name, struct td_error *err)
{
	struct reader reader = {.name = name};
	json_t *root;

	td_error_clear(&reader.err);
	if (yaml_parser_initialize(&reader.parser)) {
		yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
		yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text, len);
		root = read_document(&reader);
	} else {
		root = fail_memory(&reader);
	}
	yaml_event_delete(&reader.event);
	yaml_parser_delete(&reader.parser);
	if (!root && err)
		*err = reader.err;
	return root;
}

static enum td_error_code system_error(const char *path, struct td_error *err)
{
	int failure = errno;

	(void)td_error_set(err, TD_ERR_SYSTEM, "%s: %s", path, strerror(failure));
	if (err)
		err->sys_errno = failure;
	return TD_ERR_SYSTEM;
}

static enum td_error_code keep(const char *path, struct td_buf *into, const char *bytes, size_t len, struct td_error *err)
{
	if (len > into->max - into->len)
		return td_error_set(err, TD_ERR_TOO_LARGE, "%s: over %zu bytes", path, into->max);
	if (!td_buf_append(into, bytes, len))
		return td_error_set(err, TD_ERR_NOMEM, "%s: out of memory", path);
	return TD_OK;
}

static enum td_error_code read_file(const char *path, struct td_buf *into, struct td_error *err)
{
	enum td_error_code code = TD_OK;
	char chunk[4096];
	ssize_t got = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return system_error(path, err);
	while (code == TD_OK && (got = read(fd, chunk, sizeof(chunk))) > 0)
		code = keep(path, into, chunk, (size_t)got, err);
	if (got < 0)
		code = system_error(path, err);
	(void)close(fd);
	return code;
}

json_t *td_yaml_load_file(const char *path, size_t max_bytes, struct td_error *err)
{
	struct td_buf text;
	json_t *root = NULL;

	td_buf_init(&text, max_bytes);
	if (read_file(path, &text, err) == TD_OK)
		root = td_yaml_load_text(td_buf_text(&text), text.len, path, err);
	td_buf_done(&text);
	return root;
}
