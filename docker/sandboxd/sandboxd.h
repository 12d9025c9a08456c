/* What the parts of sandboxd share. One process, one thread, one loop (main.c). */
#ifndef SANDBOXD_H
#define SANDBOXD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "frames.h"
#include "sha256.h"

#define CALLS_MAX 8
/* Number under which a child finds the one descriptor it may inherit beside its streams. Above all of ours. */
#define INHERITED_FD 198
/* After the command itself has ended, how long pipes held open by others are waited for. */
#define DRAIN_MS 150
/* How long a process tree is killed before everything but PID 1 goes, and how long that is waited for. */
#define KILL_MS 2000
/* Time the interpreter has to turn SIGINT into an exception and finish. */
#define INTERRUPT_MS 500
/* How far beyond its limit a command may go that was kept from the processor: ten times as long, and at most this. */
#define GRACE_TIMES 10
#define GRACE_MS 120000

/* Types of frames. */
enum { RESUME = 1, START = 2, ACKNOWLEDGE = 3, CANCEL = 4 };
enum { STATE = 16, STARTED = 17, START_FAILED = 18, EXITED = 19, FORGOTTEN = 20 };

enum work { SHELL = 1, PYTHON, EXEC, READ_FILE, WRITE_FILE, LIST_FILES, SEARCH_FILES, PROBE };
enum kill_reason { KILL_NONE, KILL_TIMEOUT, KILL_OUTPUT, KILL_CANCELLED, KILL_STARVED };
enum kill_reach { REACH_NONE, REACH_TREE, REACH_EVERYTHING };
enum fate { FATE_KEPT, FATE_LOST, FATE_REPLACED };
enum stage { STAGE_FORK, STAGE_EXEC };

/* ---- image.c: what the image and the command line gave; constant after start ---- */

struct settings {
  uid_t uid;
  gid_t gid;
  uint64_t keep_caps;
  const char *driver;
  const char *egress; /* unix socket of the way out, or NULL */
  const char *shell;  /* absolute path or NULL */
  bool shell_is_bash;
  const char *python; /* absolute path or NULL */
  char **environment; /* of children: PID 1's own and HOME */
  const char *home_directory;
  char *directory;    /* PID 1's working directory */
  int null_fd;
  int self_fd;        /* sandboxd's own binary */
  uint8_t instance[INSTANCE_BYTES];
};
extern struct settings settings;

void image_prepare(void);
/* Fresh array of the settings' environment with `added` (NAME=value) put over it; strings are not copied. */
char **environment_with(char **base, char *const *added, size_t count);
const char *environment_get(char *const *environment, const char *name);
int64_t now_ms(void);

/* ---- counters.c ---- */

#define COUNTERS 12
/* Places of the two that sandboxd itself judges by; microseconds, -1 where unknown. */
enum { CPU_USED = 7, CPU_THROTTLED = 8 };
void counters_open(void);
void counters_read(int64_t out[COUNTERS]);

/* ---- spawn.c: a command below a supervisor of its own ---- */

/* What PID 1 knows of one command. The report pipe is open in supervisor and sandboxd only, never in the command. */
struct child {
  pid_t supervisor; /* 0: none, or reaped */
  int report;       /* -1: closed, all has been said */
  pid_t main;       /* 0: not known (yet) */
  bool started, ended, failed;
  bool direct;      /* no supervisor: `supervisor` is the worker itself */
  int status;       /* of wait(2), once ended */
  int error;        /* errno, once failed */
  enum stage stage;
  uint64_t start_ticks; /* a lower bound for the start time of what it started, as in /proc/PID/stat */
};

struct launch {
  const char *const *candidates; /* paths to try in order, NULL at the end; NULL alone: sandboxd's own binary */
  char *const *argv;
  char *const *environment;
  const char *directory; /* its nearest existing parent is taken where it is gone */
  int streams[3];
  int inherited; /* given under INHERITED_FD, or -1 */
};

void spawn_prepare(void);
/* 0, or errno of what kept it from being started. */
int spawn(struct child *child, const struct launch *launch);
/* Runs `work` in a child with the model's user and rights. It must not return. */
int spawn_worker(struct child *child, void (*work)(void *), void *argument);
/* Reads what the supervisor has said; never blocks. */
void child_listen(struct child *child);
/* Tells which process ended; true where the child knows it. */
bool child_reaped(struct child *child, pid_t pid, int status);
/* The rights of the model, irrevocably; async-signal-safe. 0 or errno. */
int drop_rights(void);

/* ---- tree.c ---- */

/* Of one thread, milliseconds: on a processor, and ready to run without one. */
struct cpu_time {
  int64_t ran, waited;
};

uint64_t ticks_now(void);
struct cpu_time cpu_time_of(pid_t pid);
/* How long, at least, a thread of the tree was ready to run while processes of other containers or of the host had the
 * processor. `used`: what this container ran or was throttled, since when `main_before` was read. */
int64_t tree_starved_ms(const struct child *child, struct cpu_time main_before, uint64_t since, int64_t used);
/* SIGKILLs all below the child's supervisor (or, where that was killed, what is an orphan by it) that started at
 * or after `since`, but `spared`. Returns how many were alive. */
int tree_kill(const struct child *child, pid_t spared, uint64_t since);

/* ---- capture.c ---- */

struct capture {
  int fd; /* -1: at its end, or handed to the drain */
  uint64_t total, keep;
  struct bytes head;
  uint8_t *ring;
  size_t ring_cap, ring_n, ring_at;
  struct sha256 sha;
};

/* Makes the pipe; returns the writing end, or -1. */
int capture_open(struct capture *c, uint64_t keep);
/* Reads once. False at the end of the stream, which closes it. */
bool capture_read(struct capture *c);
void capture_field(struct capture *c, struct bytes *frame, uint8_t tag);
void capture_free(struct capture *c);
/* Goes on reading a pipe that somebody else still writes to, so that no background process gets SIGPIPE. */
void drain_add(int fd);
bool drain_ready(int fd);

/* ---- calls.c ---- */

enum call_state { CALL_FREE, CALL_STARTING, CALL_RUNNING, CALL_DRAINING, CALL_PURGING };

struct request {
  uint64_t kind, timeout_ms, keep_bytes, output_bytes;
  uint64_t offset, length, mode, depth, limit;
  struct span text, path, directory, data, pattern, glob;
  bool has_directory, has_glob;
  struct span argv[1024], env[1024];
  size_t argc, envc;
};

struct call {
  enum call_state state;
  uint32_t number;
  enum work kind;
  struct child own;
  struct child *child; /* its own, or the interpreter's */
  struct capture out, err;
  int result_fd; /* of file work */
  struct bytes payload;
  int memo_fd; /* shell state or interpreter payload, or -1 */
  uint64_t output_bytes;
  int64_t started_at, exited_at, limit, deadline, drain_until;
  int64_t starved; /* milliseconds of the limit in which it was kept from the processor */
  struct cpu_time main_before;
  int64_t interrupt_until, kill_at, kill_until;
  int64_t kill_pause;
  int clear_passes; /* of the kill, one after the other, that found nobody alive */
  enum kill_reason reason;
  enum kill_reach reach;
  enum fate fate;
  bool started_sent, raised, done, interrupted;
  int error;
  enum stage stage;
  int64_t before[COUNTERS];
};

extern struct call calls[CALLS_MAX];

void call_start(uint32_t number, struct span fields);
void call_acknowledge(uint32_t number);
void call_cancel(uint32_t number);
/* Work that waits for descriptors, children or clocks. */
bool call_ready(int fd);
void call_children_changed(void);
/* Milliseconds until the next clock of a call runs out, or -1. */
int call_next_timeout(void);
void call_timers(void);
/* Everything but PID 1 goes. Running calls say so in their endings. */
void kill_everything(void);
void call_started(struct call *call);
void call_main_ended(struct call *call);

/* ---- endings.c: what was accepted, and endings until they are acknowledged ---- */

bool number_accept(uint32_t number);
uint32_t number_last(void);
void ending_keep(struct call *call);
void start_failure_keep(struct call *call);
bool ending_resend(uint32_t number);
void ending_forget(uint32_t number);
bool endings_full(void);
void endings_send_all(void);

/* ---- outbox.c: frames to the controller, without blocking ---- */

struct shared {
  struct bytes bytes;
  int references;
};
extern uint64_t refused_frames;
void outbox_attach(void);
void outbox_send(struct bytes *frame);
void outbox_share(struct shared *frame);
void shared_release(struct shared *frame);
void outbox_flush(void);

/* ---- work.c: requests, and commands without a shell ---- */

bool request_parse(struct span fields, struct request *out);
char *span_string(struct span s);
/* A file in memory that holds the bytes, its offset at 0; -1 where there is none to be had. */
int memory_file(const void *p, size_t n);
/* Opens both captures and spawns; the caller sets the stage if it fails before. */
int start_with_pipes(struct call *call, struct launch *launch, uint64_t keep);

/* ---- environment.c: text of `export -p` and back ---- */

/* NAME=value strings of what a shell printed, by the quoting rules of bash, dash and busybox; NULL where the text is
 * none of theirs. Free with environment_free. */
char **environment_parse(const char *text);
void environment_free(char **environment);

/* ---- shell.c, interpreter.c, files.c: the kinds of work ---- */

/* Each returns 0, or errno with the stage in the call. */
int shell_start(struct call *call, const struct request *request);
void shell_finish(struct call *call);
const char *shell_directory(void);
int exec_start(struct call *call, const struct request *request);
int probe_start(struct call *call);
int interpreter_start(struct call *call, const struct request *request);
/* False where it has not begun (starting, stopped): nothing of the call is worth waiting for. */
bool interpreter_interrupt(struct call *call);
void interpreter_finish(struct call *call);
bool interpreter_ready(int fd);
/* Looks after the resident process; called when children changed. */
void interpreter_reaped(pid_t pid, int status);
void interpreter_listen(void);
pid_t interpreter_supervisor(void);
int files_start(struct call *call, const struct request *request);
void files_finish(struct call *call);

/* ---- relay.c: the way to the egress proxy, where the policy has one ---- */

#define PROXY_PORT 3128
/* `path`: of the unix socket. False where it can't be listened. */
bool relay_open(const char *path);
bool relay_ready(int fd);

/* ---- main.c ---- */

void watch(int fd);
void watch_output(bool wanted);
void unwatch_close(int *fd);

#endif
