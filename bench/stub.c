/* An OpenAI-compatible upstream that costs next to nothing.
 *
 * It stands in for an inference engine while a gateway is measured, so it must be
 * far cheaper than any gateway: every answer is laid out once at the start and is
 * written straight from there. It counts what it served, so that a ledger can be
 * held against it (GET /counters).
 *
 *   stub [--port N] [--burst N] [--pace-us N]
 *
 * --port 0 (the default) takes a free port. The first line on stdout names it.
 * --burst N writes N chunks of a stream at a time, 64 (all in one write) if not given.
 * --pace-us N waits N microseconds between the bursts of a stream, 0 if not given.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
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
    FRAMES = 64,            /* content chunks of a stream, one token each */
    PROMPT_TOKENS = 12,
    PLAIN_TOKENS = 24,      /* completion tokens of an answer that is not streamed */
    FIRST_INPUT = 16 << 10,
    LARGEST_INPUT = 16 << 20,
    EVENTS = 1024,
};

struct text { char *data; size_t size; };

struct connection {
    int fd;
    char *input;
    size_t filled, capacity;
    size_t wanted;              /* bytes of the request at hand, once its head is read */
    struct text output;         /* what is still to be written; it belongs to a template */
    bool waits_for_room;        /* EPOLLOUT is on */
    const struct text *stream;  /* the stream at hand, while some of it is yet to be released */
    int released;               /* how many of its frames are */
    bool pacing;                /* it waits in the queue of paced streams until it is due */
    uint64_t due_ns;
    struct connection *earlier, *later;
};

static struct { uint64_t requests, streams, prompt_tokens, completion_tokens; } served;

static struct text plain_answer, stream, stream_with_usage;
static size_t frame_end[FRAMES];        /* in both streams */
static struct text ok_answer, models_answer, missing_answer, refused_answer, counters_answer;

static int poller;
static uint64_t pace_ns;
static int burst = FRAMES;
static struct connection *first_due, *last_due;

static void die(const char *what) { perror(what); exit(1); }

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- the answers, laid out once ---------------------------------------------- */

static struct text format(const char *pattern, ...) __attribute__((format(printf, 1, 2)));
static struct text format(const char *pattern, ...)
{
    struct text t;
    va_list arguments;
    va_start(arguments, pattern);
    int size = vasprintf(&t.data, pattern, arguments);
    va_end(arguments);
    if (size < 0) die("vasprintf");
    t.size = (size_t)size;
    return t;
}

static struct text answer(const char *status, const char *type, const char *body)
{
    return format("HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n%s",
                  status, type, strlen(body), body);
}

/* One server-sent event in an HTTP chunk of its own, as engines write them. */
static struct text event(const char *data)
{
    return format("%zx\r\ndata: %s\n\n\r\n", strlen(data) + 8, data);
}

static void append(struct text *to, struct text more)
{
    to->data = realloc(to->data, to->size + more.size);
    if (!to->data) die("realloc");
    memcpy(to->data + to->size, more.data, more.size);
    to->size += more.size;
}

#define IDENTITY(kind) "\"id\":\"chatcmpl-stub-0123456789abcdef\",\"object\":\"" kind \
    "\",\"created\":1767225600,\"model\":\"stub-model\""
#define USAGE "\"usage\":{\"prompt_tokens\":%d,\"completion_tokens\":%d,\"total_tokens\":%d," \
    "\"prompt_tokens_details\":{\"cached_tokens\":0}}"

static void lay_out_plain_answer(void)
{
    struct text body = format(
        "{" IDENTITY("chat.completion") ",\"choices\":[{\"index\":0,\"message\":{\"role\":"
        "\"assistant\",\"content\":\"The wheel turns, the stones grind, and the flour falls.\"},"
        "\"logprobs\":null,\"finish_reason\":\"stop\"}]," USAGE "}",
        PROMPT_TOKENS, PLAIN_TOKENS, PROMPT_TOKENS + PLAIN_TOKENS);
    plain_answer = answer("200 OK", "application/json", body.data);
    free(body.data);
}

static void append_event(struct text *to, struct text data)
{
    struct text chunk = event(data.data);
    append(to, chunk);
    free(chunk.data);
    free(data.data);
}

static struct text content_frame(int i)
{
    return format(
        "{" IDENTITY("chat.completion.chunk") ",\"choices\":[{\"index\":0,\"delta\":{%s"
        "\"content\":\"word%d \"},\"logprobs\":null,\"finish_reason\":%s}]}",
        i == 0 ? "\"role\":\"assistant\"," : "", i, i == FRAMES - 1 ? "\"stop\"" : "null");
}

static void lay_out_streams(void)
{
    stream = format("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
                    "Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < FRAMES; i++) {
        append_event(&stream, content_frame(i));
        frame_end[i] = stream.size;
    }
    append(&stream_with_usage, stream);
    append_event(&stream_with_usage,
                 format("{" IDENTITY("chat.completion.chunk") ",\"choices\":[]," USAGE "}",
                        PROMPT_TOKENS, FRAMES, PROMPT_TOKENS + FRAMES));
    append_event(&stream, format("[DONE]"));
    append_event(&stream_with_usage, format("[DONE]"));
    append(&stream, (struct text){"0\r\n\r\n", 5});
    append(&stream_with_usage, (struct text){"0\r\n\r\n", 5});
}

static void lay_out_small_answers(void)
{
    ok_answer = answer("200 OK", "application/json", "{}");
    models_answer = answer("200 OK", "application/json",
        "{\"object\":\"list\",\"data\":[{\"id\":\"stub-model\",\"object\":\"model\","
        "\"created\":1767225600,\"owned_by\":\"stub\",\"max_model_len\":131072}]}");
    missing_answer = answer("404 Not Found", "application/json", "{\"error\":\"no such path\"}");
    refused_answer = answer("411 Length Required", "application/json",
                            "{\"error\":\"only bodies with a Content-Length\"}");
}

/* ---- writing ------------------------------------------------------------------ */

static void forget_pacing(struct connection *c)
{
    if (!c->pacing) return;
    c->pacing = false;
    *(c->earlier ? &c->earlier->later : &first_due) = c->later;
    *(c->later ? &c->later->earlier : &last_due) = c->earlier;
}

static void hang_up(struct connection *c)
{
    forget_pacing(c);
    close(c->fd);
    free(c->input);
    free(c);
}

static void wait_for_room(struct connection *c, bool wait)
{
    if (c->waits_for_room == wait) return;
    struct epoll_event e = {.events = EPOLLIN | (wait ? EPOLLOUT : 0), .data.ptr = c};
    if (epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &e) < 0) die("epoll_ctl");
    c->waits_for_room = wait;
}

/* Write what is due; false if the peer is gone. */
static bool flush(struct connection *c)
{
    while (c->output.size) {
        ssize_t n = send(c->fd, c->output.data, c->output.size, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno != EAGAIN) return false;
        if (n < 0) break;
        c->output.data += n;
        c->output.size -= (size_t)n;
    }
    wait_for_room(c, c->output.size != 0);
    return true;
}

/* ---- streams -------------------------------------------------------------------- */

/* Every stream has the same pace, so the queue is in order if one only adds at its end. */
static void pace(struct connection *c)
{
    c->due_ns = now_ns() + pace_ns;
    c->pacing = true;
    c->earlier = last_due;
    c->later = NULL;
    *(last_due ? &last_due->later : &first_due) = c;
    last_due = c;
}

/* The next burst of frames becomes the output; the last one brings the end of the stream. */
static void release_burst(struct connection *c)
{
    int until = c->released + burst < FRAMES ? c->released + burst : FRAMES;
    size_t from = c->released ? frame_end[c->released - 1] : 0;
    size_t to = until < FRAMES ? frame_end[until - 1] : c->stream->size;
    c->output = (struct text){c->stream->data + from, to - from};
    served.completion_tokens += (uint64_t)(until - c->released);
    c->released = until;
    if (until == FRAMES) c->stream = NULL;
}

/* Write what is due of a stream: one burst if it is paced, else all that there is room for. */
static bool go_on(struct connection *c)
{
    while (c->stream && !c->pacing && !c->output.size) {
        release_burst(c);
        if (pace_ns && c->stream) pace(c);
        if (!flush(c)) return false;
    }
    return true;
}

static bool take_requests(struct connection *c);

static void send_due_bursts(void)
{
    uint64_t now = first_due ? now_ns() : 0;
    while (first_due && first_due->due_ns <= now) {
        struct connection *c = first_due;
        forget_pacing(c);
        if (!go_on(c) || !take_requests(c)) hang_up(c);
    }
}

/* ---- requests ------------------------------------------------------------------- */

/* Is `"name": true` in the body?  A quote inside a JSON string is escaped, so the
 * closing quote of the name cannot be found in a prompt. */
static bool is_true(const char *body, size_t size, const char *quoted_name)
{
    const char *at = memmem(body, size, quoted_name, strlen(quoted_name));
    if (!at) return false;
    for (at += strlen(quoted_name); at < body + size; at++)
        if (*at != ' ' && *at != ':') return body + size - at >= 4 && !memcmp(at, "true", 4);
    return false;
}

static bool complete(struct connection *c, const char *body, size_t size)
{
    served.requests++;
    served.prompt_tokens += PROMPT_TOKENS;
    if (is_true(body, size, "\"stream\"")) {
        served.streams++;
        c->stream = is_true(body, size, "\"include_usage\"") ? &stream_with_usage : &stream;
        c->released = 0;
        return go_on(c);
    }
    served.completion_tokens += PLAIN_TOKENS;
    c->output = plain_answer;
    return flush(c);
}

static struct text count(void)
{
    char body[256];
    snprintf(body, sizeof body,
             "{\"requests\":%lu,\"streams\":%lu,\"prompt_tokens\":%lu,\"completion_tokens\":%lu}",
             served.requests, served.streams, served.prompt_tokens, served.completion_tokens);
    free(counters_answer.data);
    return counters_answer = answer("200 OK", "application/json", body);
}

static bool starts(const char *head, const char *with) { return !strncmp(head, with, strlen(with)); }

static bool respond(struct connection *c, const char *head, const char *body, size_t size)
{
    if (starts(head, "POST /v1/chat/completions ")) return complete(c, body, size);
    if (starts(head, "GET /health ")) c->output = ok_answer;
    else if (starts(head, "GET /v1/models ")) c->output = models_answer;
    else if (starts(head, "GET /counters ")) c->output = count();
    else c->output = missing_answer;
    return flush(c);
}

/* The length of the body that follows this head, or -1 if it is sent in chunks. */
static long body_length(const char *head, size_t size)
{
    long length = 0;
    const char *line = head, *end = head + size;
    while ((line = memchr(line, '\n', (size_t)(end - line))) && ++line < end) {
        if ((*line | 32) == 'c' && !strncasecmp(line, "content-length:", 15))
            length = strtol(line + 15, NULL, 10);
        if ((*line | 32) == 't' && !strncasecmp(line, "transfer-encoding:", 18)) return -1;
    }
    return length;
}

/* Answer every request that is here whole, one after the other; false to hang up. */
static bool take_requests(struct connection *c)
{
    while (c->filled && !c->output.size && !c->stream) {
        char *end = memmem(c->input, c->filled, "\r\n\r\n", 4);
        if (!end) return c->filled < FIRST_INPUT;
        size_t head = (size_t)(end - c->input) + 4;
        if (!c->wanted) {
            long length = body_length(c->input, head);
            if (length < 0 || length > LARGEST_INPUT - FIRST_INPUT) {
                c->output = refused_answer;
                flush(c);
                return false;
            }
            c->wanted = head + (size_t)length;
        }
        if (c->filled < c->wanted) return true;
        if (!respond(c, c->input, c->input + head, c->wanted - head)) return false;
        c->filled -= c->wanted;
        memmove(c->input, c->input + c->wanted, c->filled);
        c->wanted = 0;
    }
    return true;
}

static bool make_room(struct connection *c)
{
    if (c->filled < c->capacity) return true;
    if (c->capacity >= LARGEST_INPUT) return false;
    c->capacity *= 4;
    c->input = realloc(c->input, c->capacity);
    return c->input != NULL;
}

static bool read_some(struct connection *c)
{
    if (!make_room(c)) return false;
    ssize_t n = recv(c->fd, c->input + c->filled, c->capacity - c->filled, 0);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    if (n == 0) return false;
    c->filled += (size_t)n;
    return c->filled < c->wanted || take_requests(c);
}

/* ---- the loop --------------------------------------------------------------------- */

static void welcome(int listener)
{
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct connection *c = calloc(1, sizeof *c);
        if (!c || !(c->input = malloc(FIRST_INPUT))) die("malloc");
        c->fd = fd;
        c->capacity = FIRST_INPUT;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
        if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &e) < 0) die("epoll_ctl");
    }
}

static void attend(struct connection *c, uint32_t events)
{
    bool alive = true;
    if (events & EPOLLOUT) alive = flush(c) && go_on(c) && take_requests(c);
    if (alive && (events & (EPOLLIN | EPOLLHUP | EPOLLERR))) alive = read_some(c);
    if (!alive) hang_up(c);
}

static int wait_for_events(struct epoll_event *events)
{
    if (!first_due) return epoll_wait(poller, events, EVENTS, -1);
    uint64_t now = now_ns(), wait = first_due->due_ns > now ? first_due->due_ns - now : 0;
    struct timespec t = {(time_t)(wait / 1000000000u), (long)(wait % 1000000000u)};
    return epoll_pwait2(poller, events, EVENTS, &t, NULL);
}

static int listen_on(int port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(fd, (struct sockaddr *)&at, size) < 0) die("bind");
    if (listen(fd, 4096) < 0) die("listen");
    getsockname(fd, (struct sockaddr *)&at, &size);
    printf("%d\n", ntohs(at.sin_port));
    fflush(stdout);
    return fd;
}

static int read_arguments(int argc, char **argv)
{
    int port = 0;
    for (int i = 1; i < argc; i += 2) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (!strcmp(argv[i], "--port")) port = atoi(value);
        else if (!strcmp(argv[i], "--pace-us")) pace_ns = strtoull(value, NULL, 10) * 1000;
        else if (!strcmp(argv[i], "--burst") && atoi(value) > 0) burst = atoi(value);
        else {
            fprintf(stderr, "usage: stub [--port N] [--burst N] [--pace-us N]\n");
            exit(2);
        }
    }
    return port;
}

int main(int argc, char **argv)
{
    int port = read_arguments(argc, argv);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    prctl(PR_SET_PDEATHSIG, SIGTERM);       /* never outlive the harness */
    lay_out_plain_answer();
    lay_out_streams();
    lay_out_small_answers();

    poller = epoll_create1(EPOLL_CLOEXEC);
    int listener = listen_on(port);
    struct epoll_event events[EVENTS], e = {.events = EPOLLIN, .data.ptr = NULL};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, listener, &e) < 0) die("epoll_ctl");
    for (;;) {
        int n = wait_for_events(events);
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr) attend(events[i].data.ptr, events[i].events);
            else welcome(listener);
        }
        send_due_bursts();
    }
}
