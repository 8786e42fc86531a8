/* SPDX-License-Identifier: MIT */
/*
 * The whole configuration: a file, perhaps with a drop-in, through every step of the loader.
 *
 * The input is the file; what stands behind the first line that is "%" is a drop-in of it. Loading
 * says yes or gives reasons that name a file; what was loaded can be printed, and what was printed
 * is not empty; loaded once more it is the same, so a reload of it changes and refuses nothing;
 * and a reload to the file without its drop-in leaves a configuration that prints. A group that a
 * client opens can be made of each cluster.
 */
#include "tests/fuzz/fuzz.h"

#include "daemon/config.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static char file[64], drop_in[80], folder[80];

static int check_kafka_key(const char *key, const char *value, char *errbuf, size_t n)
{
	static const char *const keys[] = {"bootstrap.servers", "client.id", "sasl.password",
					   "max.poll.interval.ms", "group.protocol"};
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (!strcmp(key, keys[i]) && *value)
			return 0;
	snprintf(errbuf, n, "no property \"%s\" with value \"%s\"", key, value);
	return *value ? -ENOENT : -EINVAL;
}

static const char *const kafka_keys[] = {"bootstrap.servers", "client.id", "sasl.password", NULL};
static const struct config_hooks hooks = {check_kafka_key, kafka_keys};

static void clean_up(void)
{
	unlink(drop_in);
	unlink(file);
	rmdir(folder);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	snprintf(file, sizeof(file), "/dev/shm/kgroupd-fuzz-%d.conf", (int)getpid());
	snprintf(folder, sizeof(folder), "%s.d", file);
	snprintf(drop_in, sizeof(drop_in), "%s/a.conf", folder);
	assert(!mkdir(folder, 0700));
	atexit(clean_up);
	return 0;
}

static void write_file(const char *path, const uint8_t *data, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert(fd >= 0 && write(fd, data, n) == (ssize_t)n);
	close(fd);
}

static struct config *load(void)
{
	struct config_errors errors = {0};
	struct config *config = NULL;
	int r = config_load(file, &hooks, &config, &errors);
	size_t i;

	assert(!r == !!config && !r == !errors.n_errors);
	for (i = 0; i < errors.n_errors; i++)
		assert(!strncmp(errors.errors[i].text, file, strlen(file)));
	config_errors_deinit(&errors);
	return config;
}

static char *print(const struct config *config)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	config_print_effective(config, f);
	assert(!fclose(f) && size);
	return text;
}

static void reload(struct config *running, struct config *fresh, const char *same)
{
	struct config_changes changes = {0};
	int r = config_reload(running, fresh, &changes);
	char *text = print(running);

	assert(!r == !changes.n_refused);
	if (same)
		assert(!r && !changes.n_applied && !strcmp(text, same));
	free(text);
	config_changes_deinit(&changes);
}

static void use(struct config *config)
{
	char *text = print(config);
	struct config *again = load();
	size_t i;

	assert(again);
	reload(config, again, text);
	config_free(again);
	unlink(drop_in);
	again = load();
	if (again)
		reload(config, again, NULL);
	config_free(again);
	for (i = 0; i < config->n_clusters; i++)
		config_group_free(
			config_group_new_dynamic(config, &config->clusters[i], "made-by-client"));
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *split = size ? memmem(data, size, "\n%\n", 3) : NULL;
	size_t n = split ? (size_t)(split + 1 - data) : size;
	struct config *config;

	write_file(file, data, n);
	if (split)
		write_file(drop_in, split + 3, size - n - 2);
	config = load();
	if (config)
		use(config);
	config_free(config);
	unlink(drop_in);
	return 0;
}
