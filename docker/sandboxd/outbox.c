#include "outbox.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "frames.h"
#include "watch.h"

#define QUEUE_MAX 512
static struct shared *queue[QUEUE_MAX];
static size_t queue_at, queue_n, offset;
static bool attached;

void shared_release(struct shared *frame) {
  if (--frame->references > 0) return;
  bytes_free(&frame->bytes);
  free(frame);
}

static void drop_first(void) {
  shared_release(queue[queue_at]);
  queue_at = (queue_at + 1) % QUEUE_MAX;
  queue_n--;
  offset = 0;
}

static void detach(void) {
  while (queue_n > 0) drop_first();
  attached = false;
  watch_output(false);
}

void outbox_flush(void) {
  while (attached && queue_n > 0) {
    const struct bytes *frame = &queue[queue_at]->bytes;
    ssize_t n = write(1, frame->p + offset, frame->n - offset);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) {
      watch_output(true);
      return;
    }
    if (n < 0) {
      detach();
      return;
    }
    offset += (size_t)n;
    if (offset == frame->n) drop_first();
  }
  watch_output(false);
}

/* A full queue means that the controller does not read. Endings are not lost: the next resume sends them again. */
void outbox_share(struct shared *frame) {
  if (!attached || queue_n == QUEUE_MAX) return;
  frame->references++;
  queue[(queue_at + queue_n++) % QUEUE_MAX] = frame;
}

static void send_sealed(struct bytes sealed) {
  struct shared *frame = malloc(sizeof *frame);
  if (!frame) _exit(70);
  *frame = (struct shared){.bytes = sealed, .references = 1};
  outbox_share(frame);
  shared_release(frame);
}

void outbox_send(struct bytes *frame) { send_sealed(frame_seal(frame)); }

/* A delimiter first: it ends the partial frame that the previous attachment may have received. */
void outbox_attach(void) {
  struct bytes delimiter = {0};
  detach();
  attached = true;
  bytes_append(&delimiter, "", 1);
  send_sealed(delimiter);
}
