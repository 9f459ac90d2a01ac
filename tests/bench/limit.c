/* The least that a fan-out can cost: one send() a viewer, of bytes made once.
 *
 *   limit PORT EVENT_BYTES RATE BURST SECONDS
 *
 * WebSocket viewers connect; at a line on stdin, BURST frames of EVENT_BYTES leave RATE times a second, those of one
 * burst in one send(). Then the CPU µs used meanwhile and the number of deliveries are printed. No auth, no rooms, no
 * masks checked, no errors handled: what a server can't do without.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define VIEWERS_MAX 20000
#define FRAME_MAX 65536

static int viewers[VIEWERS_MAX];
static int count;
static int poller;
static char bytes[64 * FRAME_MAX];

static const char ACCEPT[] =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

static double cpu_us(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 + used.ru_utime.tv_usec + used.ru_stime.tv_usec;
}

/* A frame whose payload is one event's marks, filled up to the size wanted. */
static size_t make_frames(size_t payload, int burst, uint64_t planned_ns) {
    size_t at = 0;
    for (int i = 0; i < burst; i++) {
        bytes[at++] = (char)0x81;
        if (payload < 126) {
            bytes[at++] = (char)payload;
        } else {
            bytes[at++] = 126;
            bytes[at++] = (char)(payload >> 8);
            bytes[at++] = (char)payload;
        }
        memset(bytes + at, ' ', payload);
        char mark[64];
        int length = snprintf(mark, sizeof mark, "{\"event_id\":\"%d\",\"t\":\"t=%020llu\"}", i % 10,
                              (unsigned long long)planned_ns);
        memcpy(bytes + at, mark, (size_t)length);
        at += payload;
    }
    return at;
}

static void serve(int listener, int wait_ms) {
    struct epoll_event events[256];
    int found = epoll_wait(poller, events, 256, wait_ms);
    for (int i = 0; i < found; i++) {
        int fd = events[i].data.fd;
        if (fd == STDIN_FILENO) continue;
        if (fd == listener) {
            int viewer, one = 1;
            while ((viewer = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                setsockopt(viewer, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                struct epoll_event event = {.events = EPOLLIN, .data.fd = viewer};
                epoll_ctl(poller, EPOLL_CTL_ADD, viewer, &event);
            }
            continue;
        }
        char request[4096];
        ssize_t got = recv(fd, request, sizeof request, MSG_DONTWAIT);
        if (got > 4 && !memcmp(request, "GET ", 4) && count < VIEWERS_MAX) {
            if (write(fd, ACCEPT, sizeof ACCEPT - 1) == sizeof ACCEPT - 1) viewers[count++] = fd;
        } else if (got == 0 || (got < 0 && errno != EAGAIN)) {
            close(fd);
        }
    }
}

int main(int argc, char **argv) {
    if (argc != 6) return 2;
    int port = atoi(argv[1]), burst = atoi(argv[4]);
    size_t payload = (size_t)atoi(argv[2]);
    double rate = atof(argv[3]), seconds = atof(argv[5]);
    if (burst > 64 || payload < 64 || payload > FRAME_MAX - 8) return 2;
    signal(SIGPIPE, SIG_IGN);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) return 1;
    poller = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    struct epoll_event input = {.events = EPOLLIN, .data.fd = STDIN_FILENO};
    epoll_ctl(poller, EPOLL_CTL_ADD, STDIN_FILENO, &input);
    puts("ready");
    fflush(stdout);
    struct pollfd told = {.fd = STDIN_FILENO, .events = POLLIN};
    while (poll(&told, 1, 0) == 0) serve(listener, 100);
    char line[16];
    if (read(STDIN_FILENO, line, sizeof line) <= 0) return 0;
    epoll_ctl(poller, EPOLL_CTL_DEL, STDIN_FILENO, NULL);

    uint64_t start_ns = now_ns(), deliveries = 0, short_sends = 0;
    double before_us = cpu_us();
    for (int number = 0; number < (int)(rate * seconds); number++) {
        uint64_t planned_ns = start_ns + (uint64_t)(number / rate * 1e9);
        for (uint64_t now; (now = now_ns()) < planned_ns;) serve(listener, (int)((planned_ns - now) / 1000000 + 1));
        size_t length = make_frames(payload, burst, planned_ns);
        for (int i = 0; i < count; i++)
            short_sends += send(viewers[i], bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)length;
        deliveries += (uint64_t)count * (uint64_t)burst;
    }
    printf("{\"cpu_us\": %.0f, \"deliveries\": %llu, \"short_sends\": %llu}\n", cpu_us() - before_us,
           (unsigned long long)deliveries, (unsigned long long)short_sends);
    fflush(stdout);
    while (read(STDIN_FILENO, line, sizeof line) > 0) continue;
    return 0;
}
