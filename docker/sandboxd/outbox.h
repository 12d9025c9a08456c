/* Frames to the controller, written to standard output from a bounded queue without blocking. Nothing is sent before the
 * first attachment. Frames lost with an attachment are not repeated here: the controller asks again after the next. */
#ifndef OUTBOX_H
#define OUTBOX_H

#include "bytes.h"

/* A sealed frame that the queue and the kept endings both hold. */
struct shared {
  struct bytes bytes;
  int references;
};

/* Begins an attachment: drops what is queued for the one before. */
void outbox_attach(void);
/* Seals and sends the frame, and frees it. */
void outbox_send(struct bytes *frame);
/* Takes a reference while the frame is queued. */
void outbox_share(struct shared *frame);
void shared_release(struct shared *frame);
void outbox_flush(void);

#endif
