#include "watch.h"

#include <stdint.h>
#include <sys/epoll.h>
#include <unistd.h>

#define READY_MAX 32

static int epoll_fd = -1;
static bool output_watched;

static void add(int fd, uint32_t events) {
  struct epoll_event event = {.events = events, .data.fd = fd};
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

void watch_open(void) { epoll_fd = epoll_create1(EPOLL_CLOEXEC); }

void watch(int fd) { add(fd, EPOLLIN); }

void watch_arrivals(int fd) { add(fd, EPOLLIN | EPOLLET); }

void watch_output(bool wanted) {
  if (wanted == output_watched) return;
  if (wanted) add(STDOUT_FILENO, EPOLLOUT);
  else epoll_ctl(epoll_fd, EPOLL_CTL_DEL, STDOUT_FILENO, NULL);
  output_watched = wanted;
}

/* Closing alone is not enough: a forked supervisor may for a moment hold a copy, which keeps the entry in the set. */
void unwatch_close(int *fd) {
  if (*fd < 0) return;
  epoll_ctl(epoll_fd, EPOLL_CTL_DEL, *fd, NULL);
  close(*fd);
  *fd = -1;
}

int watch_wait(int *ready, int most, int timeout_ms) {
  struct epoll_event events[READY_MAX];
  int n = epoll_wait(epoll_fd, events, most < READY_MAX ? most : READY_MAX, timeout_ms);
  for (int i = 0; i < n; i++) ready[i] = events[i].data.fd;
  return n;
}
