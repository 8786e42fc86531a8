/* SPDX-License-Identifier: MIT */
/*
 * Secrets. "@credential:NAME" reads what systemd put into $CREDENTIALS_DIRECTORY (LoadCredential=
 * and friends), "@file:PATH" reads a file; one trailing newline is dropped. What came that way is
 * secret whatever its key. A value written out in the configuration is secret when its key says
 * so: a list would miss the next key that librdkafka invents, so it is by the words in the name.
 *
 * Keys that end in ".pem" take their value on one line with "\n" for its line ends, as Kafka's
 * property files do; they are made line ends here.
 */
#include "daemon/config_secret.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/config_alloc.h"
#include "daemon/config_error.h"
#include "daemon/config_file.h"

#define SECRET_MAX_BYTES   (1u << 20)
#define CREDENTIAL_PREFIX  "@credential:"
#define SECRET_FILE_PREFIX "@file:"

bool config_key_is_secret(const char *key)
{
	/* "pass" covers password, passphrase and their misspellings. */
	static const char *const words[] = {
		"pass",
		"pasw",
		"secret",
		"key.pem",
		"private.key",
		"jaas",
		"sasl.oauthbearer.config",
	};
	static const char *const not_secret[] = {"private.key.file", "private.key.location"};

	for (size_t i = 0; i < sizeof(not_secret) / sizeof(not_secret[0]); i++) {
		if (strstr(key, not_secret[i]))
			return false;
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcasestr(key, words[i]))
			return true;
	}
	return false;
}

static const char *skip_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0 ? text + strlen(prefix) : NULL;
}

static void warn_if_public(const char *file, const char *key, const struct config_origin *at,
			   struct config_errors *errors)
{
	struct stat st;

	if (stat(file, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & S_IROTH))
		config_errors_warn(errors, at,
				   "everybody on this host may read the value of %s in %s: chmod "
				   "o-r %s, or use @credential:NAME",
				   config_show(key).text, file, file);
}

static char *read_secret(const char *file, const struct config_origin *at,
			 struct config_errors *errors)
{
	size_t n_bytes = 0;
	char *value = config_file_slurp(file, SECRET_MAX_BYTES, &n_bytes);

	if (!value) {
		config_errors_add(errors, at, "the secret in %s cannot be read: %s", file,
				  errno == EFBIG ? "longer than 1 MiB" : strerror(errno));
		return NULL;
	}
	if (strlen(value) != n_bytes) {
		config_errors_add(errors, at,
				  "the secret in %s has a NUL byte: only text is possible", file);
		free(value);
		return NULL;
	}
	if (n_bytes > 0 && value[n_bytes - 1] == '\n')
		value[--n_bytes] = '\0';
	if (n_bytes > 0 && value[n_bytes - 1] == '\r')
		value[--n_bytes] = '\0';
	return value;
}

static char *read_credential(const char *name, const struct config_origin *at,
			     struct config_errors *errors)
{
	const char *directory = getenv("CREDENTIALS_DIRECTORY");
	char *file, *value;

	if (name[0] == '\0' || name[0] == '.' || strchr(name, '/')) {
		config_errors_add(errors, at,
				  "'%s' is no name of a credential: write @credential:NAME without "
				  "'/' and leading '.'",
				  config_show(name).text);
		return NULL;
	}
	if (!directory) {
		config_errors_add(errors, at,
				  "there are no credentials, CREDENTIALS_DIRECTORY is not set: add "
				  "LoadCredential=%s:/PATH to the unit, or use @file:/PATH",
				  config_show(name).text);
		return NULL;
	}
	file = config_printf("%s/%s", directory, name);
	value = read_secret(file, at, errors);
	free(file);
	return value;
}

static char *read_secret_file(const char *file, const char *key, const struct config_origin *at,
			      struct config_errors *errors)
{
	char *value;

	if (file[0] != '/') {
		config_errors_add(errors, at, "'%s' is not absolute: write @file:/PATH",
				  config_show(file).text);
		return NULL;
	}
	value = read_secret(file, at, errors);
	if (value)
		warn_if_public(file, key, at, errors);
	return value;
}

static bool ends_in(const char *text, const char *end)
{
	size_t n_text = strlen(text), n_end = strlen(end);

	return n_text >= n_end && strcmp(text + n_text - n_end, end) == 0;
}

static char *unfold_pem(const char *text)
{
	char *value = config_strdup(text), *to = value;

	for (; *text; text++) {
		if (text[0] == '\\' && text[1] == 'n') {
			*to++ = '\n';
			text++;
		} else {
			*to++ = *text;
		}
	}
	*to = '\0';
	return value;
}

char *config_secret_resolve(const char *key, const char *text, const struct config_origin *at,
			    bool *secret, struct config_errors *errors)
{
	const char *name = skip_prefix(text, CREDENTIAL_PREFIX);
	const char *file = skip_prefix(text, SECRET_FILE_PREFIX);

	*secret = name || file || config_key_is_secret(key);
	if (name)
		return read_credential(name, at, errors);
	if (file)
		return read_secret_file(file, key, at, errors);
	if (*secret && at->file)
		warn_if_public(at->file, key, at, errors);
	return ends_in(key, ".pem") ? unfold_pem(text) : config_strdup(text);
}
