/* disk: a disk that can lose its cache, be full, and be slow. Preloaded (LD_PRELOAD) into every process of a server.
 *
 * Watched are files whose name ends in .aof, and those whose name begins with book.sqlite3 but -shm, which is memory;
 * and as the book's, what lies under FAULT_POSTGRES. No undo log is kept of those: PostgreSQL renames and recycles its
 * files, and what it makes of a power cut is its own affair.
 * FAULT_DISK names a folder of the harness:
 * - undo/<name>: for each watched file, what every write since its last fsync has replaced. A power cut is: kill
 *   everything, then take back writes from the newest on, down to a random one (disk.py). Writes in place (SQLite)
 *   and appended ones (AOF) are the same thing here. Format: an 8-byte length of what is valid, then records of five
 *   64-bit words {kind, size before, offset, bytes replaced, bytes written} and the replaced bytes. Kind 0 is a write;
 *   kind 1 an fsync that ended while others wrote: its second word says up to which byte of this log all is durable.
 *   The length is changed last and under a lock, so a writer that is killed here leaves nothing half done.
 * - full-book, full-aof, while they exist: writing to such a file fails with ENOSPC; of PostgreSQL's only what would
 *   make one longer, for those that have their length already have their place on the disk.
 * - slow-book, slow-aof: each fsync of such a file takes as many milliseconds longer as stand in there.
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { KIND_WRITE, KIND_SYNC };
enum { OTHER, BOOK, AOF, POSTGRES };

static const char *folder, *postgres;
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off64_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static ssize_t (*real_pwritev)(int, const struct iovec *, int, off64_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_ftruncate)(int, off64_t);
static int (*real_fallocate)(int, off64_t, off64_t);

__attribute__((constructor)) static void begin(void) {
    const char *named = getenv("FAULT_DISK");
    folder = named ? strdup(named) : NULL; /* Valkey writes its title over the environment */
    named = getenv("FAULT_POSTGRES");
    postgres = named ? strdup(named) : NULL;
    real_pwritev = dlsym(RTLD_NEXT, "pwritev64");
    real_write = dlsym(RTLD_NEXT, "write");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_writev = dlsym(RTLD_NEXT, "writev");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
    real_fallocate = dlsym(RTLD_NEXT, "posix_fallocate64");
}

/* What kind of file this is; its name goes to `name`. Sockets and pipes, which are most, cost one fstat. */
static int kind_of(int fd, char name[256]) {
    struct stat status;
    char link[64], path[4096];
    if (!folder || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return OTHER;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return OTHER;
    path[length] = 0;
    if (postgres) return strncmp(path, postgres, strlen(postgres)) ? OTHER : POSTGRES;
    const char *last = strrchr(path, '/');
    if (!last || strlen(++last) > 255) return OTHER;
    strcpy(name, last);
    size_t letters = strlen(name);
    if (letters > 4 && !strcmp(name + letters - 4, ".aof")) return AOF;
    if (!strncmp(name, "book.sqlite3", 12) && !strstr(name, "-shm") && !strstr(name, "(deleted)")) return BOOK;
    return OTHER;
}

static int flag(const char *word, int kind, char path[4096]) {
    snprintf(path, 4096, "%s/%s-%s", folder, word, kind == AOF ? "aof" : "book");
    return access(path, F_OK) == 0;
}

/* Whether there is no room for a file of this kind to be written up to `end`. */
static int is_full(int fd, int kind, uint64_t end) {
    char path[4096];
    struct stat status;
    if (!flag("full", kind, path)) return 0;
    return kind != POSTGRES || (fstat(fd, &status) == 0 && end > (uint64_t)status.st_size);
}

/* The file's undo log, locked; -1 if there is none to be had. Closing it unlocks. */
static int open_log(const char *name) {
    char path[4096];
    snprintf(path, sizeof path, "%s/undo/%s", folder, name);
    int log = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (log >= 0) flock(log, LOCK_EX);
    return log;
}

static uint64_t valid_of(int log) {
    uint64_t valid = 0;
    return pread64(log, &valid, 8, 0) == 8 ? valid : 0;
}

static void set_valid(int log, uint64_t valid) {
    if (real_pwrite(log, &valid, 8, 0) != 8) abort(); /* a spy that misses something would acquit the guilty */
}

/* Note what a write of `length` bytes at `offset` (-1: where an appended one goes) will replace. */
static int note(int fd, const char *name, off64_t offset, uint64_t length) {
    int log = open_log(name);
    if (log < 0) abort();
    struct stat status;
    fstat(fd, &status);
    uint64_t size = status.st_size;
    if (offset < 0) offset = (fcntl(fd, F_GETFL) & O_APPEND) ? (off64_t)size : lseek64(fd, 0, SEEK_CUR);
    uint64_t old = (uint64_t)offset >= size ? 0 : size - offset < length ? size - offset : length;
    uint64_t words[5] = {KIND_WRITE, size, offset, old, length};
    char *record = malloc(sizeof words + old);
    memcpy(record, words, sizeof words);
    /* Through this very descriptor: closing another one of the same file would drop SQLite's locks on it. An AOF is
     * open for writing only, but nothing in it is ever replaced. */
    if (old && pread64(fd, record + sizeof words, old, offset) != (ssize_t)old) abort();
    uint64_t valid = valid_of(log);
    if (real_pwrite(log, record, sizeof words + old, 8 + valid) != (ssize_t)(sizeof words + old)) abort();
    set_valid(log, valid + sizeof words + old);
    free(record);
    return log;
}

static int sync_file(int fd, int (*real)(int)) {
    char name[256], path[4096];
    int kind = kind_of(fd, name);
    if (kind == OTHER) return real(fd);
    if (flag("slow", kind, path)) {
        char text[16] = {0};
        int slow = open(path, O_RDONLY | O_CLOEXEC);
        if (slow >= 0 && read(slow, text, sizeof text - 1) > 0) usleep(atoi(text) * 1000);
        if (slow >= 0) close(slow);
    }
    if (kind == POSTGRES) return real(fd);
    int log = open_log(name);
    if (log < 0) abort();
    uint64_t before = valid_of(log);
    close(log);
    int result = real(fd);
    if (result != 0) return result;
    log = open_log(name);
    uint64_t valid = valid_of(log);
    if (valid == before) {
        set_valid(log, 0);
        if (real_ftruncate(log, 8) != 0) abort();
    } else {
        uint64_t words[5] = {KIND_SYNC, before, 0, 0, 0};
        if (real_pwrite(log, words, sizeof words, 8 + valid) != sizeof words) abort();
        set_valid(log, valid + sizeof words);
    }
    close(log);
    return 0;
}

int fsync(int fd) { return sync_file(fd, real_fsync); }
int fdatasync(int fd) { return sync_file(fd, real_fdatasync); }

/* The lock of the log is held over the write itself, or two writes could stand in the log in another order. */
#define AROUND(OFFSET, LENGTH, CALL)                                                \
    char name[256];                                                                 \
    int kind = kind_of(fd, name);                                                   \
    if (kind == OTHER) return CALL;                                                 \
    off64_t start = OFFSET < 0 ? lseek64(fd, 0, SEEK_CUR) : OFFSET;                 \
    if (is_full(fd, kind, start + LENGTH)) { errno = ENOSPC; return -1; }           \
    if (kind == POSTGRES) return CALL;                                              \
    int log = note(fd, name, OFFSET, LENGTH);                                       \
    ssize_t result = CALL;                                                          \
    int error = errno;                                                              \
    close(log);                                                                     \
    errno = error;                                                                  \
    return result;

static size_t sum(const struct iovec *parts, int count) {
    size_t length = 0;
    for (int at = 0; at < count; at++) length += parts[at].iov_len;
    return length;
}

ssize_t write(int fd, const void *bytes, size_t length) {
    const off64_t here = -1;
    AROUND(here, length, real_write(fd, bytes, length))
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) {
    AROUND(offset, length, real_pwrite(fd, bytes, length, offset))
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) { return pwrite64(fd, bytes, length, offset); }

ssize_t writev(int fd, const struct iovec *parts, int count) {
    const off64_t here = -1;
    AROUND(here, sum(parts, count), real_writev(fd, parts, count))
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
    AROUND(offset, sum(parts, count), real_pwritev(fd, parts, count, offset))
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
    return pwritev64(fd, parts, count, offset);
}

int ftruncate64(int fd, off64_t size) {
    char name[256];
    struct stat status;
    int kind = kind_of(fd, name);
    if (kind == OTHER || fstat(fd, &status) != 0) return real_ftruncate(fd, size);
    if (size > status.st_size && is_full(fd, kind, size)) { errno = ENOSPC; return -1; }
    if (kind == POSTGRES) return real_ftruncate(fd, size);
    int log = note(fd, name, size, status.st_size > size ? status.st_size - size : 0);
    int result = real_ftruncate(fd, size), error = errno;
    close(log);
    errno = error;
    return result;
}

int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

/* SQLite and Valkey would allocate only to write there next; the size before is noted then. */
int posix_fallocate64(int fd, off64_t offset, off64_t length) {
    char name[256];
    int kind = kind_of(fd, name);
    if (kind != OTHER && is_full(fd, kind, offset + length)) return ENOSPC;
    return real_fallocate(fd, offset, length);
}

int posix_fallocate(int fd, off_t offset, off_t length) { return posix_fallocate64(fd, offset, length); }
