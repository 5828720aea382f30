/* See yaml_scalar.h. What is neither of the core schema's words nor one of its numbers is a string: "yes", "12:30", "1_000"
 * and dates, which YAML 1.1 took for something else. */
#include "base/yaml_scalar.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool is_one_of(const char *text, const char *const *words)
{
	for (; *words; words++) {
		if (strcmp(text, *words) == 0)
			return true;
	}
	return false;
}

static size_t count_digits(const char *text)
{
	return strspn(text, "0123456789");
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
static bool looks_like_float(const char *text)
{
	size_t whole, fraction = 0;

	text += *text == '-' || *text == '+';
	whole = count_digits(text);
	text += whole;
	if (*text == '.') {
		fraction = count_digits(text + 1);
		text += 1 + fraction;
	}
	if (whole + fraction == 0)
		return false;
	if (*text == 'e' || *text == 'E') {
		text++;
		text += *text == '-' || *text == '+';
		if (count_digits(text) == 0)
			return false;
		text += count_digits(text);
	}
	return *text == '\0';
}

/* The base in which text is a whole number: 10, 8 (0o17) or 16 (0x1f); 0 when it is none. *ret_digits: for strtoll. */
static int integer_base(const char *text, const char **ret_digits)
{
	static const char *const digits[] = {"0123456789", "01234567", "0123456789abcdefABCDEF"};
	int kind = strncmp(text, "0o", 2) == 0 ? 1 : strncmp(text, "0x", 2) == 0 ? 2 : 0;
	const char *start = text + (kind ? 2 : *text == '-' || *text == '+');

	if (*start == '\0' || start[strspn(start, digits[kind])] != '\0')
		return 0;
	*ret_digits = kind ? start : text;
	return kind == 0 ? 10 : kind == 1 ? 8 : 16;
}

static json_t *read_number(const char *text, const char **ret_problem)
{
	const char *digits;
	int base = integer_base(text, &digits);
	long long whole;
	double real;

	if (base) {
		errno = 0;
		whole = strtoll(digits, NULL, base);
		*ret_problem = errno ? "a number beyond 64 bits" : NULL;
		return errno ? NULL : json_integer(whole);
	}
	real = strtod(text, NULL);
	*ret_problem = isfinite(real) ? NULL : "a number beyond the range of a float";
	return isfinite(real) ? json_real(real) : NULL;
}

json_t *td_yaml_plain(const char *text, const char **ret_problem)
{
	static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
	static const char *const trues[] = {"true", "True", "TRUE", NULL};
	static const char *const falses[] = {"false", "False", "FALSE", NULL};
	static const char *const infinities[] = {".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN", NULL};
	const char *digits;

	*ret_problem = NULL;
	if (is_one_of(text, nulls))
		return json_null();
	if (is_one_of(text, trues))
		return json_true();
	if (is_one_of(text, falses))
		return json_false();
	if (is_one_of(text + (*text == '-' || *text == '+'), infinities)) {
		*ret_problem = "not a finite number";
		return NULL;
	}
	if (integer_base(text, &digits) || looks_like_float(text))
		return read_number(text, ret_problem);
	return json_string(text);
}
