/* Which call numbers were accepted, and each ending until the controller acknowledges it. */
#ifndef ENDINGS_H
#define ENDINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "bytes.h"

/* True once per number; false for 0, and for numbers so far behind the highest that they may have been seen. */
bool number_accept(uint32_t number);
/* The highest number ever accepted, or 0. */
uint32_t number_last(void);

/* No room: no call may be started. */
bool endings_full(void);
/* Seals the frame, sends it, and keeps it where there is room. */
void ending_keep(uint32_t number, struct bytes *frame);
/* False where no ending is kept for the number. */
bool ending_resend(uint32_t number);
void ending_forget(uint32_t number);
void endings_send_all(void);

#endif
