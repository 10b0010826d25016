/* Makes chosen calls on files below one folder fail, in whatever process it is preloaded into (LD_PRELOAD).
 *
 * WATTMILL_FAULTS_FOLDER  only files below it are touched; a path without links, which need not exist yet
 * WATTMILL_FAULTS_STATE   a file with `struct state`, mapped shared: the tests arm it and read it while processes run,
 *                         several processes count together, and the counts outlive a SIGKILL
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { WRITE, SYNC, TRUNCATE, RENAME, CREATE, KINDS };
enum { SHORT = -1, KILL = -2, TORN = -3 }; /* other values of `how` are an errno */

struct state {                 /* little endian, as faults.py packs it */
    uint32_t armed;            /* bit per kind */
    int32_t how;
    uint64_t at;               /* the first of the armed calls that fails, from 1 */
    uint64_t times;            /* how many fail from there on */
    uint64_t matched;          /* armed calls so far */
    uint64_t failed;           /* of them failed */
    uint64_t calls[KINDS];     /* all calls below the folder */
    char name[64];             /* only paths that contain it */
};

static struct state *state;
static char folder[4096];
static size_t folder_length;

__attribute__((constructor)) static void begin(void) {
    const char *below = getenv("WATTMILL_FAULTS_FOLDER"), *path = getenv("WATTMILL_FAULTS_STATE");
    if (!below || !path || strlen(below) >= sizeof folder) return;
    strcpy(folder, below);
    folder_length = strlen(folder);
    int descriptor = open(path, O_RDWR | O_CLOEXEC);
    if (descriptor < 0) return;
    void *mapped = mmap(NULL, sizeof *state, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    close(descriptor);
    if (mapped != MAP_FAILED) state = mapped;
}

static int is_below(const char *path) {
    return !strncmp(path, folder, folder_length) && path[folder_length] == '/' &&
           strstr(path + folder_length, state->name);
}

static int is_descriptor_below(int descriptor) {
    char link[32], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return is_below(path);
}

static int is_path_below(int directory, const char *path) {
    char whole[8192];
    if (path[0] == '/') return is_below(path);
    if (directory == AT_FDCWD) {
        if (!getcwd(whole, 4096)) return 0;
    } else {
        char link[32];
        snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
        ssize_t length = readlink(link, whole, 4095);
        if (length < 0) return 0;
        whole[length] = 0;
    }
    strcat(whole, "/");
    strncat(whole, path, 4000);
    return is_below(whole);
}

/* 0 when the call shall go through, else how it shall fail. */
static int fault(enum kind kind, int below) {
    if (!below) return 0;
    __atomic_add_fetch(&state->calls[kind], 1, __ATOMIC_SEQ_CST);
    if (!(state->armed & (1u << kind))) return 0;
    uint64_t number = __atomic_add_fetch(&state->matched, 1, __ATOMIC_SEQ_CST);
    if (number < state->at || number - state->at >= state->times) return 0;
    __atomic_add_fetch(&state->failed, 1, __ATOMIC_SEQ_CST);
    if (state->how == KILL) raise(SIGKILL);
    return state->how;
}

static int fail(int how) {
    if (how == TORN) raise(SIGKILL); /* a call that moves no bytes has no half */
    errno = how > 0 ? how : EIO;
    return -1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* A write that fails: `half` does the first half of it. */
#define FAILING_WRITE(descriptor, half)                                        \
    if (state) {                                                               \
        int saved = errno, how = fault(WRITE, is_descriptor_below(descriptor)); \
        errno = saved;                                                         \
        if (how > 0) return fail(how);                                         \
        if (how) {                                                             \
            ssize_t done = (half);                                             \
            if (how == TORN) raise(SIGKILL);                                   \
            return done;                                                       \
        }                                                                      \
    }

#define FAILING(kind, below)                      \
    if (state) {                                  \
        int saved = errno, how = fault(kind, below); \
        errno = saved;                            \
        if (how) return fail(how);                \
    }

ssize_t write(int d, const void *data, size_t size) {
    __typeof__(&write) real = REAL(write);
    FAILING_WRITE(d, real(d, data, size / 2));
    return real(d, data, size);
}

ssize_t pwrite(int d, const void *data, size_t size, off_t offset) {
    __typeof__(&pwrite) real = REAL(pwrite);
    FAILING_WRITE(d, real(d, data, size / 2, offset));
    return real(d, data, size, offset);
}

ssize_t pwrite64(int d, const void *data, size_t size, off64_t offset) {
    __typeof__(&pwrite64) real = REAL(pwrite64);
    FAILING_WRITE(d, real(d, data, size / 2, offset));
    return real(d, data, size, offset);
}

ssize_t writev(int d, const struct iovec *parts, int count) {
    __typeof__(&writev) real = REAL(writev);
    FAILING_WRITE(d, REAL(write)(d, parts[0].iov_base, count ? parts[0].iov_len / 2 : 0));
    return real(d, parts, count);
}

ssize_t pwritev(int d, const struct iovec *parts, int count, off_t offset) {
    __typeof__(&pwritev) real = REAL(pwritev);
    FAILING_WRITE(d, REAL(pwrite)(d, parts[0].iov_base, count ? parts[0].iov_len / 2 : 0, offset));
    return real(d, parts, count, offset);
}

ssize_t pwritev64(int d, const struct iovec *parts, int count, off64_t offset) {
    return pwritev(d, parts, count, offset);
}

ssize_t pwritev2(int d, const struct iovec *parts, int count, off_t offset, int flags) {
    __typeof__(&pwritev2) real = REAL(pwritev2);
    FAILING_WRITE(d, REAL(pwrite)(d, parts[0].iov_base, count ? parts[0].iov_len / 2 : 0, offset));
    return real(d, parts, count, offset, flags);
}

ssize_t pwritev64v2(int d, const struct iovec *parts, int count, off64_t offset, int flags) {
    return pwritev2(d, parts, count, offset, flags);
}

int fsync(int d) {
    FAILING(SYNC, is_descriptor_below(d));
    return REAL(fsync)(d);
}

int fdatasync(int d) {
    FAILING(SYNC, is_descriptor_below(d));
    return REAL(fdatasync)(d);
}

int ftruncate(int d, off_t size) {
    FAILING(TRUNCATE, is_descriptor_below(d));
    return REAL(ftruncate)(d, size);
}

int ftruncate64(int d, off64_t size) {
    FAILING(TRUNCATE, is_descriptor_below(d));
    return REAL(ftruncate64)(d, size);
}

int rename(const char *from, const char *to) {
    FAILING(RENAME, is_path_below(AT_FDCWD, to));
    return REAL(rename)(from, to);
}

int renameat(int from_d, const char *from, int to_d, const char *to) {
    FAILING(RENAME, is_path_below(to_d, to));
    return REAL(renameat)(from_d, from, to_d, to);
}

int renameat2(int from_d, const char *from, int to_d, const char *to, unsigned flags) {
    FAILING(RENAME, is_path_below(to_d, to));
    return REAL(renameat2)(from_d, from, to_d, to, flags);
}

/* Only an open that may create a file needs room on the disk. */
#define OPEN(name, path_below, ...)                                   \
    mode_t mode = 0;                                                  \
    if (flags & (O_CREAT | __O_TMPFILE)) {                            \
        va_list rest;                                                 \
        va_start(rest, flags);                                        \
        mode = va_arg(rest, mode_t);                                  \
        va_end(rest);                                                 \
    }                                                                 \
    if ((flags & O_CREAT) && state && access(path, F_OK)) FAILING(CREATE, path_below); \
    return REAL(name)(__VA_ARGS__, flags, mode)

int open(const char *path, int flags, ...) {
    OPEN(open, is_path_below(AT_FDCWD, path), path);
}

int open64(const char *path, int flags, ...) {
    OPEN(open64, is_path_below(AT_FDCWD, path), path);
}
