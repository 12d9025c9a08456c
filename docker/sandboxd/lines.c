#include "lines.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"

#define PART (64u << 10)
#define LOOKED_AT 8192

static void fill(struct line_reader *r) {
  if (r->from > 0 && r->to == LINE_HELD) {
    memmove(r->held, r->held + r->from, r->to - r->from);
    r->to -= r->from;
    r->from = 0;
  }
  size_t room = LINE_HELD - r->to;
  ssize_t n = 0;
  if (now_ms() >= r->give_up_at) {
    r->at_end = true;
    return;
  }
  do n = read(r->fd, r->held + r->to, room < PART ? room : PART);
  while (n < 0 && errno == EINTR);
  if (n < 0) r->error = errno;
  if (n <= 0) r->at_end = true;
  else r->to += (size_t)n;
}

void begin_lines(struct line_reader *r, int fd, int64_t give_up_at) {
  r->fd = fd;
  r->give_up_at = give_up_at;
  r->error = 0;
  r->at_end = r->skipping = false;
  r->from = r->to = 0;
  fill(r);
  const uint8_t *p = r->held;
  r->is_utf16 = r->to >= 2 && ((p[0] == 0xff && p[1] == 0xfe) || (p[0] == 0xfe && p[1] == 0xff));
  r->is_binary = memchr(p, 0, r->to < LOOKED_AT ? r->to : LOOKED_AT) != NULL;
}

/* The line break that ends what is held, looked for from `at` on; NULL where it is not there yet. */
static bool found_break(struct line_reader *r, size_t at, struct line *line) {
  uint8_t *end = memchr(r->held + at, '\n', r->to - at);
  if (!end) return false;
  *line = (struct line){r->held + r->from, (size_t)(end - r->held) - r->from, false};
  r->from = (size_t)(end - r->held) + 1;
  return true;
}

/* The rest of a line of which the beginning was returned. */
static void skip_rest(struct line_reader *r) {
  struct line rest;
  while (r->skipping && !r->at_end) {
    if (found_break(r, r->from, &rest)) r->skipping = false;
    else r->from = r->to = 0, fill(r);
  }
}

bool next_line(struct line_reader *r, struct line *line) {
  skip_rest(r);
  for (size_t looked = 0;;) {
    if (found_break(r, r->from + looked, line)) return true;
    looked = r->to - r->from;
    if (r->at_end && looked == 0) return false;
    bool full = looked == LINE_HELD;
    if (!r->at_end && !full) {
      fill(r);
      continue;
    }
    *line = (struct line){r->held + r->from, looked, full};
    r->skipping = full;
    r->from = r->to = 0;
    return true;
  }
}
