/* A closed-loop load generator for an OpenAI-compatible endpoint on loopback.
 *
 * Every connection sends its next request when it has the whole answer to the last
 * one. An answer counts only if its status is 200 and it is complete: as many bytes
 * as Content-Length or the chunks promise, and for a stream at least --frames events
 * and then `data: [DONE]`. Everything else is an error, and the first one is named.
 *
 *   load --port N --body FILE (--seconds S | --requests N) [--connections N]
 *        [--path P] [--header 'Name: value']... [--stream] [--frames N]
 *
 * It prints one JSON object. `seconds` ends with the last answer: requests that are
 * under way when the time is up are waited for and counted, so that an upstream's
 * or a ledger's count can be compared with `requests`.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    LARGEST_HEAD = 8 << 10,
    INPUT = 256 << 10,
    EVENTS = 1024,
    GRACE_S = 30,           /* how long an answer may take once the time is up */
    BEGINNING = 12,         /* of a line, enough to tell "data: [DONE]" */
    TICKS_PER_US = 10,      /* times are kept in tenths of a microsecond */
};

enum part { HEAD, COUNTED_BODY, CHUNK_SIZE, CHUNK_DATA, CHUNK_END, TRAILER };

struct connection {
    int fd;
    bool busy, waits_for_room;
    size_t sent;                        /* bytes of the request */
    uint64_t sent_at_ns, first_frame_ns;
    enum part part;
    char head[LARGEST_HEAD + 1];
    size_t head_size;
    int status;
    bool closes;                        /* the server will hang up after this answer */
    uint64_t remaining;                 /* bytes of the body, or of the chunk */
    bool line_is_empty;                 /* of the trailer */
    char line[BEGINNING];               /* the beginning of the current line of events */
    size_t line_size;
    uint64_t frames;
    bool done_seen;
};

struct samples { uint32_t *ticks; size_t count, capacity; };

static struct {
    int port, connections, headers;
    const char *path, *body_file, *header[16];
    double seconds;
    uint64_t requests, frames;
    bool stream;
} want = {.connections = 1, .path = "/v1/chat/completions", .requests = UINT64_MAX};

static struct { uint64_t started, answered, errors, bytes, frames; char first_error[200]; } got;
static struct samples latency, ttft;
static char *request;
static size_t request_size;
static int poller, busy;
static uint64_t deadline_ns;

static void die(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- samples -------------------------------------------------------------------- */

static void keep(struct samples *s, uint64_t ns)
{
    if (s->count == s->capacity) {
        s->capacity = s->capacity ? s->capacity * 2 : 1 << 16;
        s->ticks = realloc(s->ticks, s->capacity * sizeof *s->ticks);
        if (!s->ticks) die("realloc");
    }
    s->ticks[s->count++] = (uint32_t)(ns * TICKS_PER_US / 1000);
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* The smallest sample that at least this share of all samples does not exceed. */
static double percentile_us(const struct samples *s, double share)
{
    size_t rank = (size_t)(share * (double)s->count);
    if ((double)rank < share * (double)s->count) rank++;
    return (double)s->ticks[rank ? rank - 1 : 0] / TICKS_PER_US;
}

static void print_percentiles(const char *name, struct samples *s)
{
    if (!s->count) { printf(",\"%s\":null", name); return; }
    qsort(s->ticks, s->count, sizeof *s->ticks, by_value);
    printf(",\"%s\":{\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,\"max\":%.1f}", name,
           percentile_us(s, 0.5), percentile_us(s, 0.9), percentile_us(s, 0.99),
           percentile_us(s, 1.0));
}

/* ---- connections ------------------------------------------------------------------ */

static void wait_for_room(struct connection *c, bool wait)
{
    if (c->waits_for_room == wait) return;
    struct epoll_event e = {.events = EPOLLIN | (wait ? EPOLLOUT : 0), .data.ptr = c};
    if (epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &e) < 0) die("epoll_ctl");
    c->waits_for_room = wait;
}

static void open_connection(struct connection *c)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)want.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof to) < 0) die("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &e) < 0) die("epoll_ctl");
    c->waits_for_room = false;
}

static void reopen(struct connection *c)
{
    close(c->fd);
    open_connection(c);
}

static bool send_rest(struct connection *c)
{
    while (c->sent < request_size) {
        ssize_t n = send(c->fd, request + c->sent, request_size - c->sent,
                         MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno != EAGAIN) return false;
        if (n < 0) break;
        c->sent += (size_t)n;
    }
    wait_for_room(c, c->sent < request_size);
    return true;
}

static void fail(struct connection *c, const char *why)
{
    if (!got.errors++)
        snprintf(got.first_error, sizeof got.first_error, "%s, status %d, after %lu frames", why,
                 c->status, c->frames);
    c->busy = false;
    busy--;
}

/* Send the next request, unless the run is over. */
static void start_request(struct connection *c, uint64_t now)
{
    while (now < deadline_ns && got.started < want.requests) {
        got.started++;
        busy++;
        c->busy = true;
        c->part = HEAD;
        c->head_size = c->line_size = c->sent = 0;
        c->status = 0;
        c->frames = 0;
        c->closes = c->done_seen = false;
        c->sent_at_ns = now;
        c->first_frame_ns = 0;
        if (send_rest(c)) return;
        fail(c, "the connection broke while sending");
        reopen(c);
    }
}

/* ---- reading an answer --------------------------------------------------------------- */

static void end_line(struct connection *c, uint64_t now)
{
    if (c->line_size >= 6 && !memcmp(c->line, "data: ", 6)) {
        if (!c->first_frame_ns) c->first_frame_ns = now;
        if (c->line_size == 12 && !memcmp(c->line, "data: [DONE]", 12)) c->done_seen = true;
        else c->frames++;
    }
    c->line_size = 0;
}

/* Count the events in a piece of a stream, which may begin and end anywhere. */
static void scan_events(struct connection *c, const char *data, size_t size, uint64_t now)
{
    while (size) {
        const char *newline = memchr(data, '\n', size);
        size_t piece = newline ? (size_t)(newline - data) : size;
        size_t keep_of_it = BEGINNING - c->line_size < piece ? BEGINNING - c->line_size : piece;
        memcpy(c->line + c->line_size, data, keep_of_it);
        c->line_size += keep_of_it;
        if (newline) {
            end_line(c, now);
            piece++;
        }
        data += piece;
        size -= piece;
    }
}

static const char *header(const struct connection *c, const char *name)
{
    size_t size = strlen(name);
    for (const char *line = c->head; (line = strchr(line, '\n')); ) {
        line++;
        if (strncasecmp(line, name, size) || line[size] != ':') continue;
        return line + size + 1 + strspn(line + size + 1, " \t");
    }
    return NULL;
}

static const char *read_head(struct connection *c)
{
    int minor;
    if (sscanf(c->head, "HTTP/1.%d %d", &minor, &c->status) != 2) return "no HTTP answer";
    const char *coding = header(c, "transfer-encoding"), *length = header(c, "content-length");
    const char *connection = header(c, "connection");
    c->closes = connection ? !strncasecmp(connection, "close", 5) : minor == 0;
    if (coding && !strncasecmp(coding, "chunked", 7)) {
        c->part = CHUNK_SIZE;
        c->remaining = 0;
    } else if (length) {
        c->part = COUNTED_BODY;
        c->remaining = strtoull(length, NULL, 10);
    } else {
        return "an answer of unknown length";
    }
    return NULL;
}

/* Take the head, or what there is of it; how many of the bytes belonged to it. */
static size_t take_head(struct connection *c, const char *data, size_t size, const char **error)
{
    size_t before = c->head_size;
    size_t room = LARGEST_HEAD - before, more = size < room ? size : room;
    memcpy(c->head + before, data, more);
    c->head[before + more] = 0;
    size_t from = before < 3 ? 0 : before - 3;
    char *end = memmem(c->head + from, before + more - from, "\r\n\r\n", 4);
    if (!end) {
        c->head_size += more;
        if (c->head_size == LARGEST_HEAD) *error = "the head is too large";
        return more;
    }
    end[4] = 0;
    c->head_size = (size_t)(end + 4 - c->head);
    *error = read_head(c);
    return c->head_size - before;
}

static size_t take_body(struct connection *c, const char *data, size_t size, uint64_t now)
{
    size_t piece = size < c->remaining ? size : (size_t)c->remaining;
    c->remaining -= piece;
    got.bytes += piece;
    if (want.stream) scan_events(c, data, piece, now);
    return piece;
}

static const char *take_chunk_size(struct connection *c, char byte)
{
    if (byte == '\n') {
        c->line_is_empty = true;
        c->part = c->remaining ? CHUNK_DATA : TRAILER;
    } else if (isxdigit((unsigned char)byte)) {
        int digit = isdigit((unsigned char)byte) ? byte - '0' : (byte | 32) - 'a' + 10;
        c->remaining = c->remaining * 16 + (unsigned)digit;
    } else if (byte != '\r') {
        return "a bad chunk size";
    }
    return NULL;
}

static const char *take_chunk_end(struct connection *c, char byte)
{
    if (byte == '\n') {
        c->part = CHUNK_SIZE;
        c->remaining = 0;
        return NULL;
    }
    return byte == '\r' ? NULL : "a chunk longer than its size";
}

/* True when the empty line after the last chunk has been read. */
static bool trailer_ends(struct connection *c, char byte)
{
    if (byte == '\n' && c->line_is_empty) return true;
    if (byte != '\r') c->line_is_empty = byte == '\n';
    return false;
}

/* Read on in the answer; true when it is whole. `*taken` of the bytes were its own. */
static bool parse(struct connection *c, const char *data, size_t size, uint64_t now,
                  size_t *taken, const char **error)
{
    size_t at = 0;
    bool whole = false;
    while (at < size && !whole && !*error) {
        switch (c->part) {
        case HEAD:
            at += take_head(c, data + at, size - at, error);
            whole = c->part == COUNTED_BODY && !c->remaining;
            break;
        case COUNTED_BODY:
            at += take_body(c, data + at, size - at, now);
            whole = !c->remaining;
            break;
        case CHUNK_SIZE: *error = take_chunk_size(c, data[at++]); break;
        case CHUNK_DATA:
            at += take_body(c, data + at, size - at, now);
            if (!c->remaining) c->part = CHUNK_END;
            break;
        case CHUNK_END: *error = take_chunk_end(c, data[at++]); break;
        case TRAILER: whole = trailer_ends(c, data[at++]); break;
        }
    }
    *taken = at;
    return whole;
}

static const char *fault_of_whole_answer(const struct connection *c)
{
    if (c->status != 200) return "not a 200";
    if (!want.stream) return NULL;
    if (!c->done_seen) return "a stream without [DONE]";
    return c->frames < want.frames ? "a stream with too few frames" : NULL;
}

static void finish(struct connection *c, uint64_t now)
{
    const char *fault = fault_of_whole_answer(c);
    if (fault) { fail(c, fault); return; }
    c->busy = false;
    busy--;
    got.answered++;
    got.frames += c->frames;
    keep(&latency, now - c->sent_at_ns);
    if (want.stream) keep(&ttft, c->first_frame_ns - c->sent_at_ns);
}

static void read_some(struct connection *c)
{
    static char input[INPUT];
    ssize_t n = recv(c->fd, input, sizeof input, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    uint64_t now = now_ns();
    const char *error = n <= 0 ? "the connection broke" : NULL;
    size_t taken = 0;
    if (c->busy) {
        bool whole = !error && parse(c, input, (size_t)n, now, &taken, &error);
        if (whole && taken < (size_t)n) error = "bytes after the answer";
        if (error) fail(c, error);
        else if (whole) finish(c, now);
        else return;
    } else if (!error) {
        error = "bytes that nobody asked for";
    }
    if (error || c->closes) reopen(c);
    start_request(c, now);
}

/* ---- the run ---------------------------------------------------------------------------- */

static void read_arguments(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i];
        if (!strcmp(name, "--stream")) { want.stream = true; continue; }
        const char *value = i + 1 < argc ? argv[++i] : NULL;
        if (!value) { fprintf(stderr, "load: %s needs a value\n", name); exit(2); }
        if (!strcmp(name, "--port")) want.port = atoi(value);
        else if (!strcmp(name, "--path")) want.path = value;
        else if (!strcmp(name, "--body")) want.body_file = value;
        else if (!strcmp(name, "--connections")) want.connections = atoi(value);
        else if (!strcmp(name, "--seconds")) want.seconds = atof(value);
        else if (!strcmp(name, "--requests")) want.requests = strtoull(value, NULL, 10);
        else if (!strcmp(name, "--frames")) want.frames = strtoull(value, NULL, 10);
        else if (!strcmp(name, "--header") && want.headers < 16)
            want.header[want.headers++] = value;
        else { fprintf(stderr, "load: unknown option %s\n", name); exit(2); }
    }
    if (want.port && want.body_file && want.connections > 0
        && (want.seconds > 0 || want.requests != UINT64_MAX)) return;
    fprintf(stderr, "load: --port, --body and --seconds or --requests are needed\n");
    exit(2);
}

static void lay_out_request(void)
{
    FILE *file = fopen(want.body_file, "rb");
    if (!file) die(want.body_file);
    fseek(file, 0, SEEK_END);
    size_t body = (size_t)ftell(file);
    rewind(file);
    FILE *out = open_memstream(&request, &request_size);
    fprintf(out, "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\n"
            "Content-Length: %zu\r\n", want.path, want.port, body);
    for (int i = 0; i < want.headers; i++) fprintf(out, "%s\r\n", want.header[i]);
    fputs("\r\n", out);
    for (int byte; (byte = fgetc(file)) != EOF; ) fputc(byte, out);
    fclose(out);
    fclose(file);
}

static uint64_t run(struct connection *all)
{
    struct epoll_event events[EVENTS];
    uint64_t start = now_ns();
    deadline_ns = want.seconds > 0 ? start + (uint64_t)(want.seconds * 1e9) : UINT64_MAX;
    for (int i = 0; i < want.connections; i++) start_request(&all[i], now_ns());
    while (busy) {
        int n = epoll_wait(poller, events, EVENTS, 1000);
        for (int i = 0; i < n; i++) {
            struct connection *c = events[i].data.ptr;
            if (c->waits_for_room && events[i].events & EPOLLOUT && !send_rest(c))
                wait_for_room(c, false);        /* the next read will tell why */
            if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) read_some(c);
        }
        if (want.seconds > 0 && now_ns() > deadline_ns + GRACE_S * 1000000000ull) break;
    }
    for (int i = 0; i < want.connections; i++)
        if (all[i].busy) fail(&all[i], "no whole answer in time");
    return now_ns() - start;
}

static void report(uint64_t ns)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    double cpu = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec)
        + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    printf("{\"requests\":%lu,\"errors\":%lu,\"first_error\":\"%s\",\"bytes\":%lu,"
           "\"frames\":%lu,\"seconds\":%.6f,\"cpu_seconds\":%.6f", got.answered, got.errors,
           got.first_error, got.bytes, got.frames, (double)ns / 1e9, cpu);
    print_percentiles("latency_us", &latency);
    print_percentiles("ttft_us", &ttft);
    printf("}\n");
}

int main(int argc, char **argv)
{
    read_arguments(argc, argv);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    prctl(PR_SET_PDEATHSIG, SIGTERM);       /* never outlive the harness */
    lay_out_request();
    poller = epoll_create1(EPOLL_CLOEXEC);
    struct connection *all = calloc((size_t)want.connections, sizeof *all);
    if (!all) die("calloc");
    for (int i = 0; i < want.connections; i++) open_connection(&all[i]);
    report(run(all));
    free(all);
}
