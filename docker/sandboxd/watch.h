/* The descriptors that the loop waits for. */
#ifndef WATCH_H
#define WATCH_H

#include <stdbool.h>

void watch_open(void);
/* Ready while there is something to read, or the other end is closed. */
void watch(int fd);
/* Standard input: ready once per arrival of bytes, so that its end does not keep the loop busy. */
void watch_arrivals(int fd);
/* Whether to wait for room in standard output. */
void watch_output(bool wanted);
/* Does nothing where `*fd` is -1, which it is afterwards. */
void unwatch_close(int *fd);
/* Up to `most` ready descriptors; their number, or -1. A timeout of -1 waits for ever. */
int watch_wait(int *ready, int most, int timeout_ms);

#endif
