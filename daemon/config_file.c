/* SPDX-License-Identifier: MIT */
/*
 * One file, read through libini_config. The library has sharp edges (0.6.2), and this file is
 * where they are kept:
 * - After any syntax error it hands out nothing at all, and it stops at the first duplicate. So
 *   the file is read into memory, each line that was complained about is reported and made a
 *   comment, and the text is parsed again until it is accepted. That finds every error, and what
 *   is sound can still be checked for its meaning.
 * - A name with '!', a control character or a byte outside ASCII fails without a line number; a
 *   key before the first section is lost. Both are found by a look at the lines beforehand.
 * - A file of no bytes is an error to it, invalid UTF-8 fails without a line, NUL truncates.
 * - With wrapping on, an indented key silently becomes part of the value above it. Wrapping is
 *   off: every line stands alone, and values may be of any length.
 * - Names are matched without case: [group A] and [group a] are duplicates, which is an error.
 *
 * Never here: what a key means.
 */
#include "daemon/config_file.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <iconv.h>
#include <ini_configobj.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/config_alloc.h"
#include "daemon/config_error.h"

#define FILE_MAX_BYTES	(4u << 20)
#define FILE_MAX_ERRORS 50 /* of syntax: a binary file must not fill the terminal */

struct text {
	const char *file;
	char *bytes;
	size_t n_bytes;
	struct config_errors *errors;
	size_t n_errors;
};

/* ---- bytes --------------------------------------------------------------------------------- */

static char *read_all(int fd, size_t max_bytes, size_t *n_bytes)
{
	char *bytes = config_alloc(max_bytes + 2);
	ssize_t got = 1;
	size_t n = 0;

	while (n <= max_bytes && got > 0) {
		got = read(fd, bytes + n, max_bytes + 1 - n);
		if (got < 0 && errno != EINTR) {
			free(bytes);
			return NULL;
		}
		if (got < 0)
			got = 1;
		else
			n += got;
	}
	if (n > max_bytes) {
		free(bytes);
		errno = EFBIG;
		return NULL;
	}
	bytes[n] = '\0';
	*n_bytes = n;
	return bytes;
}

char *config_file_slurp(const char *file, size_t max_bytes, size_t *n_bytes)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC), kept_errno;
	char *bytes;

	if (fd < 0)
		return NULL;
	bytes = read_all(fd, max_bytes, n_bytes);
	kept_errno = errno;
	close(fd);
	errno = kept_errno;
	return bytes;
}

static void add_error(struct text *text, unsigned line, const char *words)
{
	struct config_origin at = {.file = text->file, .line = line};

	if (++text->n_errors <= FILE_MAX_ERRORS)
		config_errors_add(text->errors, &at, "%s", words);
	if (text->n_errors == FILE_MAX_ERRORS)
		config_errors_add(
			text->errors, &(struct config_origin){.file = text->file},
			"too many errors, the rest is not shown: is this the right file?");
}

static unsigned line_of(const struct text *text, const char *where)
{
	unsigned line = 1;

	for (const char *p = text->bytes; (p = memchr(p, '\n', where - p)); p++)
		line++;
	return line;
}

/* True if the bytes are text: UTF-8 without NUL. */
static bool check_bytes(struct text *text)
{
	char sink[4096], *in = text->bytes, *out;
	size_t n_in = text->n_bytes, n_out, r;
	iconv_t converter;

	in = memchr(text->bytes, '\0', text->n_bytes);
	if (in) {
		add_error(text, line_of(text, in), "contains a NUL byte: write it as UTF-8 text");
		return false;
	}
	converter = iconv_open("UTF-8", "UTF-8");
	if (converter == (iconv_t)-1)
		return true;
	in = text->bytes;
	do {
		out = sink;
		n_out = sizeof(sink);
		r = iconv(converter, &in, &n_in, &out, &n_out);
	} while (r == (size_t)-1 && errno == E2BIG);
	iconv_close(converter);
	if (r == (size_t)-1)
		add_error(text, line_of(text, in), "is not UTF-8: save the file in that encoding");
	return r != (size_t)-1;
}

/* The library would skip it, our look at the lines would not; the line numbers stay. */
static void blank_byte_order_mark(struct text *text)
{
	static const char mark[] = "\xef\xbb\xbf";

	if (strncmp(text->bytes, mark, strlen(mark)) != 0)
		return;
	text->n_bytes -= strlen(mark);
	memmove(text->bytes, text->bytes + strlen(mark), text->n_bytes + 1);
}

/* ---- lines --------------------------------------------------------------------------------- */

static char *next_line(char *line)
{
	line = strchr(line, '\n');
	return line && line[1] ? line + 1 : NULL;
}

static char *find_line(const struct text *text, unsigned number)
{
	char *line = text->bytes;

	while (line && --number > 0)
		line = next_line(line);
	return line;
}

static bool is_comment(const char *line)
{
	return line[0] == '#' || line[0] == ';' || line[strspn(line, " \t\r")] == '\n' ||
	       line[strspn(line, " \t\r")] == '\0';
}

/* A section whose header is unusable goes as a whole, lest its keys land in the one above. */
static void comment_out(char *line)
{
	bool is_header = line[0] == '[';

	do {
		memset(line, '#', strcspn(line, "\n"));
		line = next_line(line);
	} while (is_header && line && line[0] != '[');
}

static bool has_bad_name(const char *line)
{
	const char *end = line + strcspn(line, line[0] == '[' ? "\n" : "=\n");

	line += strspn(line, " \t\v\f");
	while (end > line && isspace((unsigned char)end[-1]))
		end--;
	for (; line < end; line++) {
		if (*line == '!' || !isascii((unsigned char)*line) ||
		    !isprint((unsigned char)*line))
			return true;
	}
	return false;
}

/* What the library would fail at without naming the line. */
static void check_lines(struct text *text)
{
	bool in_section = false;
	unsigned number = 1;

	for (char *line = text->bytes; line; line = next_line(line), number++) {
		if (is_comment(line))
			continue;
		if (has_bad_name(line)) {
			add_error(text, number,
				  "a name has only printable ASCII characters without '!' (a group "
				  "of "
				  "another name: any alias, and group.id = the name)");
			in_section |= line[0] == '[';
			comment_out(line);
		} else if (line[0] == '[') {
			in_section = true;
		} else if (!in_section) {
			add_error(text, number,
				  "stands before the first section: put [daemon], [kafka], "
				  "[cluster NAME] or [group NAME] above it");
			comment_out(line);
		}
	}
}

/* ---- errors of the library ----------------------------------------------------------------- */

static const char *syntax_error_text(unsigned code, const char *line)
{
	switch (code) {
	case ERR_NOCLOSESEC:
		return "section header without a ']' at its end: write [NAME], comments go on a "
		       "line of their own";
	case ERR_NOSECTION:
		return "section header without a name: write [daemon], [kafka], [cluster NAME] or "
		       "[group NAME]";
	case ERR_SECTIONLONG:
	case ERR_LONGKEY:
		return "name longer than 1023 bytes";
	case ERR_NOKEY:
		return "nothing before the '=': write KEY = VALUE";
	case ERR_DUPKEY:
		return "the key is already given in this section (names differ by more than case): "
		       "remove one of the two";
	case ERR_DUPSECTION:
		return "the section is already in this file (names differ by more than case): put "
		       "its keys there";
	default:
		break;
	}
	line += strspn(line, " \t");
	if (*line == '#' || *line == ';')
		return "a comment starts in the first column: remove the spaces before it";
	if (*line == '[')
		return "a section starts in the first column: remove the spaces before it";
	return "no '=': write KEY = VALUE; a value stands on one line, however long";
}

/* "Error (10) on line 4: Duplicate key ...", words of the reader's language around the numbers. */
static bool take_error(struct text *text, const char *message)
{
	unsigned code, number;
	char *line;

	if (sscanf(message, "%*[^(](%u)%*[^0-9]%u", &code, &number) != 2)
		return false;
	line = find_line(text, number);
	if (!line || is_comment(line))
		return false;
	add_error(text, number, syntax_error_text(code, line));
	comment_out(line);
	return true;
}

static bool take_errors(struct text *text, struct ini_cfgobj *ini)
{
	char **messages = NULL;
	bool progress = false;

	if (ini_config_error_count(ini) == 0 || ini_config_get_errors(ini, &messages) != 0)
		return false;
	for (size_t i = 0; messages[i]; i++)
		progress |= take_error(text, messages[i]);
	ini_config_free_errors(messages);
	return progress;
}

/* ---- sections ------------------------------------------------------------------------------ */

static unsigned header_line(const struct text *text, const char *name)
{
	unsigned number = 1;

	for (char *line = text->bytes; line; line = next_line(line), number++) {
		const char *start = line + 1 + strspn(line + 1, " \t");

		if (line[0] == '[' && strncmp(start, name, strlen(name)) == 0 &&
		    start[strlen(name) + strspn(start + strlen(name), " \t")] == ']')
			return number;
	}
	return 0;
}

static void add_setting(struct config_section *section, struct ini_cfgobj *ini, const char *key)
{
	struct value_obj *value = NULL;
	struct config_setting *setting;
	uint32_t line = 0;
	const char *text;
	int error = 0;

	if (ini_get_config_valueobj(section->name, key, ini, INI_GET_FIRST_VALUE, &value) || !value)
		return;
	text = ini_get_const_string_config_value(value, &error);
	value_get_line(value, &line);
	section->settings =
		config_grow(section->settings, section->n_settings, sizeof(*section->settings));
	setting = &section->settings[section->n_settings++];
	setting->key = config_strdup(key);
	setting->value = config_strdup(text ? text : "");
	setting->at = (struct config_origin){.file = section->at.file, .line = line};
}

static void add_section(const struct text *text, struct ini_cfgobj *ini, const char *name,
			struct config_section *section)
{
	int n = 0, error = 0;
	char **keys = ini_get_attribute_list(ini, name, &n, &error);

	section->name = config_strdup(name);
	section->at = (struct config_origin){.file = text->file, .line = header_line(text, name)};
	for (int i = 0; keys && i < n; i++)
		add_setting(section, ini, keys[i]);
	if (keys)
		ini_free_attribute_list(keys);
}

static void add_sections(const struct text *text, struct ini_cfgobj *ini,
			 struct config_section **sections, size_t *n_sections)
{
	int n = 0, error = 0;
	char **names = ini_get_section_list(ini, &n, &error);

	for (int i = 0; names && i < n; i++) {
		*sections = config_grow(*sections, *n_sections, sizeof(**sections));
		add_section(text, ini, names[i], &(*sections)[(*n_sections)++]);
	}
	if (names)
		ini_free_section_list(names);
}

static int parse_into(const struct text *text, struct ini_cfgobj *ini)
{
	struct ini_cfgfile *file = NULL;
	int error = ini_config_file_from_mem(text->bytes, text->n_bytes, &file);

	if (error)
		return error;
	error = ini_config_parse(file, INI_STOP_ON_NONE, INI_MS_ERROR | INI_MV1S_ERROR,
				 INI_PARSE_NOWRAP | INI_PARSE_NO_C_COMMENTS, ini);
	ini_config_file_destroy(file);
	return error;
}

/* One parse. True: lines that stood in the way are comments now, try again. */
static bool parse_once(struct text *text, struct config_section **sections, size_t *n_sections)
{
	struct ini_cfgobj *ini = NULL;
	bool again = false;
	int error = ini_config_create(&ini);

	if (!error)
		error = parse_into(text, ini);
	if (!error)
		add_sections(text, ini, sections, n_sections);
	else
		again = ini && take_errors(text, ini);
	if (error && !again)
		add_error(text, 0, "cannot be parsed by libini_config");
	if (ini)
		ini_config_destroy(ini);
	return again && text->n_errors < FILE_MAX_ERRORS;
}

static void explain_open_error(const char *file, struct config_errors *errors)
{
	struct config_origin at = {.file = file};

	if (errno == ENOENT)
		config_errors_add(errors, &at,
				  "no such file: write one; this is enough:\n"
				  "    [cluster main]\n"
				  "    bootstrap.servers = kafka.example.org:9092\n"
				  "    allow.dynamic = yes");
	else if (errno == EACCES)
		config_errors_add(errors, &at,
				  "permission denied: the user that runs kgroupd must be able to "
				  "read it (chgrp to its group, chmod 640)");
	else if (errno == EFBIG)
		config_errors_add(errors, &at, "longer than %u MiB: is this the right file?",
				  FILE_MAX_BYTES >> 20);
	else
		config_errors_add(errors, &at, "cannot be read: %s", strerror(errno));
}

void config_file_read(const char *file, struct config_section **sections, size_t *n_sections,
		      struct config_errors *errors)
{
	struct text text = {.file = file, .errors = errors};

	text.bytes = config_file_slurp(file, FILE_MAX_BYTES, &text.n_bytes);
	if (!text.bytes) {
		explain_open_error(file, errors);
		return;
	}
	if (text.n_bytes > 0 && check_bytes(&text)) {
		blank_byte_order_mark(&text);
		check_lines(&text);
		while (parse_once(&text, sections, n_sections))
			;
	}
	free(text.bytes);
}

void config_section_deinit(struct config_section *section)
{
	for (size_t i = 0; i < section->n_settings; i++) {
		free(section->settings[i].key);
		free(section->settings[i].value);
	}
	free(section->settings);
	free(section->name);
}
