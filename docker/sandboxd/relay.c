#include "relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "watch.h"

#define RELAYS_MAX 32
#define FLOW_BYTES 32768

/* One direction: what was read from one side and not yet written to the other. */
struct flow {
  uint8_t bytes[FLOW_BYTES];
  size_t at, n;
  bool ended, shut; /* end of file was read; it was passed on */
};

enum { INNER, OUTER, SIDES };
static struct relay {
  int fd[SIDES];
  struct flow flow[SIDES]; /* indexed by the side it is read from */
  uint32_t watched[SIDES];
  bool gone[SIDES]; /* hung up: what it sent before can be read without waiting for an event */
} relays[RELAYS_MAX];

static int listener = -1, relay_epoll = -1;
static struct sockaddr_un outside = {.sun_family = AF_UNIX};

static void control(int fd, int operation, uint32_t events, size_t key) {
  struct epoll_event event = {.events = events, .data.u64 = key};
  epoll_ctl(relay_epoll, operation, fd, &event);
}

bool relay_open(const char *path) {
  int one = 1;
  struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(PROXY_PORT)};
  here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (strlen(path) >= sizeof outside.sun_path) return false;
  strcpy(outside.sun_path, path);
  for (int i = 0; i < RELAYS_MAX; i++) relays[i].fd[INNER] = relays[i].fd[OUTER] = -1;
  relay_epoll = epoll_create1(EPOLL_CLOEXEC);
  listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (struct sockaddr *)&here, sizeof here) < 0 || listen(listener, 64) < 0) return false;
  control(listener, EPOLL_CTL_ADD, EPOLLIN, RELAYS_MAX * SIDES);
  watch(relay_epoll);
  return true;
}

static void relay_end(struct relay *relay) {
  for (int side = 0; side < SIDES; side++) {
    if (relay->fd[side] < 0) continue;
    if (!relay->gone[side]) control(relay->fd[side], EPOLL_CTL_DEL, 0, 0);
    close(relay->fd[side]);
    relay->fd[side] = -1;
  }
}

static struct relay *free_relay(void) {
  for (int i = 0; i < RELAYS_MAX; i++)
    if (relays[i].fd[INNER] < 0) return &relays[i];
  return NULL;
}

/* Beyond RELAYS_MAX connections, and without a listener on the unix socket, the connection is closed at once. */
static void accept_connection(void) {
  int inner = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (inner < 0) return;
  struct relay *relay = free_relay();
  int outer = relay ? socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) : -1;
  if (outer < 0 || connect(outer, (struct sockaddr *)&outside, sizeof outside) < 0) {
    if (outer >= 0) close(outer);
    close(inner);
    return;
  }
  memset(relay->flow, 0, sizeof relay->flow);
  relay->fd[INNER] = inner;
  relay->fd[OUTER] = outer;
  for (int side = 0; side < SIDES; side++) {
    relay->watched[side] = EPOLLIN;
    relay->gone[side] = false;
    control(relay->fd[side], EPOLL_CTL_ADD, EPOLLIN, (size_t)(relay - relays) * SIDES + (size_t)side);
  }
}

/* False where the connection is broken. */
static bool carry(struct relay *relay, int from) {
  struct flow *flow = &relay->flow[from];
  int to = relay->fd[!from];
  if (flow->n == 0 && !flow->ended) {
    ssize_t n = read(relay->fd[from], flow->bytes, FLOW_BYTES);
    if (n < 0 && errno != EAGAIN && errno != EINTR) return false;
    flow->at = 0;
    flow->n = n > 0 ? (size_t)n : 0;
    flow->ended = n == 0;
  }
  if (flow->n > 0) {
    ssize_t n = send(to, flow->bytes + flow->at, flow->n, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR) return false;
    if (n > 0) flow->at += (size_t)n, flow->n -= (size_t)n;
  }
  if (flow->ended && flow->n == 0 && !flow->shut) {
    shutdown(to, SHUT_WR);
    flow->shut = true;
  }
  return true;
}

static void rewatch(struct relay *relay) {
  for (int side = 0; side < SIDES; side++) {
    const struct flow *in = &relay->flow[side], *out = &relay->flow[!side];
    uint32_t events = (in->n == 0 && !in->ended ? EPOLLIN : 0) | (out->n > 0 ? EPOLLOUT : 0);
    if (relay->gone[side] || events == relay->watched[side]) continue;
    relay->watched[side] = events;
    control(relay->fd[side], EPOLL_CTL_MOD, events, (size_t)(relay - relays) * SIDES + (size_t)side);
  }
}

/* False where both directions are finished, or the connection is broken. */
static bool carry_both(struct relay *relay) {
  bool again;
  do {
    if (!carry(relay, INNER) || !carry(relay, OUTER)) return false;
    again = false;
    for (int side = 0; side < SIDES; side++)
      again = again || (relay->gone[side] && relay->flow[side].n == 0 && !relay->flow[side].ended);
  } while (again);
  return !(relay->flow[INNER].shut && relay->flow[OUTER].shut);
}

static void step(struct relay *relay, int side, uint32_t events) {
  if (relay->fd[side] < 0) return;
  if (events & (EPOLLHUP | EPOLLERR) && !relay->gone[side]) {
    /* The kernel reports these events whatever is watched, so the descriptor must leave the set. */
    control(relay->fd[side], EPOLL_CTL_DEL, 0, 0);
    relay->gone[side] = true;
  }
  if (carry_both(relay)) rewatch(relay);
  else relay_end(relay);
}

bool relay_ready(int fd) {
  struct epoll_event events[16];
  if (relay_epoll < 0 || fd != relay_epoll) return false;
  int n = epoll_wait(relay_epoll, events, 16, 0);
  for (int i = 0; i < n; i++) {
    size_t key = (size_t)events[i].data.u64;
    if (key == RELAYS_MAX * SIDES) accept_connection();
    else step(&relays[key / SIDES], (int)(key % SIDES), events[i].events);
  }
  return true;
}
