/* The host's CLOCK_BOOTTIME, which every sandbox on the host shares. */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

int64_t now_ms(void);
/* In the unit of the start times in /proc/PID/stat: 10 ms. */
uint64_t ticks_now(void);

#endif
