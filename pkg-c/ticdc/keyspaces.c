/* See keyspaces.h. */
#include "ticdc/keyspaces.h"

#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 256

void td_ticdc_keyspaces_done(struct td_ticdc_keyspaces *keyspaces)
{
	for (size_t i = 0; i < keyspaces->count; i++)
		free(keyspaces->names[i]);
	free(keyspaces->names);
	*keyspaces = (struct td_ticdc_keyspaces){.names = NULL};
}

/* Takes name over. */
static bool insert(struct td_ticdc_keyspaces *keyspaces, char *name)
{
	size_t at = 0;
	char **grown;

	while (at < keyspaces->count && strcmp(keyspaces->names[at], name) < 0)
		at++;
	if (at < keyspaces->count && strcmp(keyspaces->names[at], name) == 0) {
		free(name);
		return true;
	}
	grown = keyspaces->count < TD_TICDC_KEYSPACES_MAX
			? realloc(keyspaces->names, (keyspaces->count + 1) * sizeof(*grown))
			: NULL;
	if (!grown) {
		free(name);
		return false;
	}
	memmove(&grown[at + 1], &grown[at], (keyspaces->count - at) * sizeof(*grown));
	grown[at] = name;
	keyspaces->names = grown;
	keyspaces->count++;
	return true;
}

/* A label stands behind "{" or ","; what looks like one within another label's value has an escaped quote before its own. */
static const char *find_label(const char *line, size_t len, const char *label)
{
	size_t size = strlen(label);

	for (size_t i = 1; i + size <= len; i++)
		if ((line[i - 1] == '{' || line[i - 1] == ',') && memcmp(line + i, label, size) == 0)
			return line + i + size;
	return NULL;
}

bool td_ticdc_keyspaces_note(struct td_ticdc_keyspaces *keyspaces, const char *line, size_t len)
{
	const char *from = find_label(line, len, "keyspace_name=\""), *end;
	size_t size;
	char *name;

	if (!from)
		return true;
	end = memchr(from, '"', (size_t)(line + len - from));
	size = end ? (size_t)(end - from) : 0;
	if (size == 0 || size > NAME_MAX_BYTES || memchr(from, '\\', size) || memchr(from, '/', size))
		return false;
	name = strndup(from, size);
	return name && insert(keyspaces, name);
}
