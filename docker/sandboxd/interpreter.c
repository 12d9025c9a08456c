#include "interpreter.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "environment.h"
#include "settings.h"
#include "spawn.h"
#include "watch.h"

/* What the driver must send back: it stands at the end of the code file, so the driver has read the code to its end. */
#define PROOF_BYTES 16
#define PAYLOAD_MAX (512 * 1024)
enum { CODE, OUT, ERR, PASSED };

/* The driver runs in globals of its own with a copy of the builtins, which no cell changes, and under a name by which
 * tracebacks leave it out. While it imports what it needs, files of the directory it starts in are not looked at: one that
 * is named like a module of the standard library would prevent every start. */
static char LOADER[] =
    "import builtins, posix, sys\n"
    "here = [''] if sys.path[:1] == [''] else []\n"
    "del sys.path[:len(here)]\n"
    "leave, ready = posix._exit, []\n"
    "file = open(sys.argv[1], 'rb')\n"
    "code = compile(file.read(), '<interpreter>', 'exec')\n"
    "file.close()\n"
    "try:\n"
    "    exec(code, {'__name__': 'interpreter', '__builtins__': dict(vars(builtins)), 'ready': ready, 'here': here})\n"
    "except BaseException:\n"
    "    if not ready: raise\n"
    "    leave(70)\n";

static struct {
  struct child child;
  int control;
  bool present;      /* started, and not known to have ended */
  bool lost;         /* an earlier one ended between calls */
  bool begun, fresh; /* it runs the call's code; it was started for this call */
  struct call *call;
  uint8_t proof[PROOF_BYTES];
  int passed[PASSED];
  size_t results_at; /* where the results stand in the code file */
  char *directory; /* where an interpreter of this call starts, and with what environment; copies, as a shell call that
                      runs at the same time changes the originals */
  char **environment;
} resident = {.control = -1, .child = {.report = -1}, .passed = {-1, -1, -1}};

/* But for the code file, which the call holds. */
static void close_passed(void) {
  for (int i = OUT; i < PASSED; i++) {
    if (resident.passed[i] >= 0) close(resident.passed[i]);
    resident.passed[i] = -1;
  }
}

static void forget_place(void) {
  free(resident.directory);
  strings_free(resident.environment);
  resident.directory = NULL;
  resident.environment = NULL;
}

static void close_resident(void) {
  unwatch_close(&resident.control);
  unwatch_close(&resident.child.report);
  resident.present = false;
}

static int launch_resident(void) {
  int ends[2];
  static char *argv[] = {"python3", "-u", "-c", LOADER, NULL, NULL};
  const char *const candidates[] = {settings.python, NULL};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0) return errno;
  argv[4] = (char *)settings.driver;
  struct launch launch = {candidates, argv, resident.environment, resident.directory,
                          {settings.null_fd, resident.passed[OUT], resident.passed[ERR]}, ends[1]};
  int error = spawn(&resident.child, &launch);
  close(ends[1]);
  if (error) {
    close(ends[0]);
    return error;
  }
  resident.control = ends[0];
  resident.present = true;
  resident.fresh = true;
  watch(resident.control);
  return 0;
}

/* Sends the code. False where the interpreter is gone; a stopped one accepts the message and never answers. */
static bool hand_over(void) {
  char space[CMSG_SPACE(PASSED * sizeof(int))];
  struct iovec text = {"C", 1};
  struct msghdr message = {.msg_iov = &text, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
  memset(space, 0, sizeof space);
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(PASSED * sizeof(int));
  memcpy(CMSG_DATA(header), resident.passed, sizeof resident.passed);
  resident.begun = false;
  /* An interpreter that ended before it had begun may have read the file: its offset is that of all who hold it. */
  lseek(resident.passed[CODE], 0, SEEK_SET);
  return sendmsg(resident.control, &message, MSG_NOSIGNAL) >= 0 || errno == EAGAIN;
}

/* The code and the proof. */
static int code_file(struct span code) {
  struct bytes text = {0};
  bytes_append(&text, code.p, code.n);
  bytes_append(&text, resident.proof, PROOF_BYTES);
  int fd = memory_file(text.p, text.n);
  bytes_free(&text);
  return fd;
}

/* Nothing was started, and an interpreter that runs is not touched. */
static int no_descriptor(void) {
  close_passed();
  forget_place();
  return EMFILE;
}

static int start_fresh(struct call *call) {
  close_resident();
  int error = launch_resident();
  if (error) return error;
  if (resident.lost) call->fate = FATE_REPLACED;
  resident.lost = false;
  return hand_over() ? 0 : EPIPE;
}

int interpreter_start(struct call *call, const struct request *request, const char *directory, char **environment) {
  call->stage = STAGE_EXEC;
  if (!settings.python || !settings.driver) return ENOENT;
  if (resident.call) return EBUSY;
  call->own.start_ticks = ticks_now();
  if (getrandom(resident.proof, PROOF_BYTES, 0) != PROOF_BYTES) return EIO;
  resident.directory = strdup(directory);
  resident.environment = strings_copy(environment);
  resident.passed[OUT] = capture_open(&call->out, request->keep_bytes);
  resident.passed[ERR] = capture_open(&call->err, request->keep_bytes);
  resident.passed[CODE] = code_file(request->text);
  call->memo_fd = resident.passed[CODE];
  resident.results_at = request->text.n + PROOF_BYTES;
  call->stage = STAGE_FORK;
  for (int i = 0; i < PASSED; i++)
    if (resident.passed[i] < 0) return no_descriptor();
  resident.call = call;
  call->child = &resident.child;
  child_read(&resident.child);
  interpreter_check();
  resident.fresh = false;
  if (resident.present && !resident.child.ended && hand_over()) return 0;
  if (resident.present) resident.lost = true;
  return start_fresh(call);
}

/* Where the interpreter ended before it began with the code, the same call is given to a fresh one, once. */
static bool give_again(struct call *call) {
  if (resident.begun || resident.fresh || call->reason != KILL_NONE) return false;
  resident.lost = true;
  return start_fresh(call) == 0;
}

void interpreter_check(void) {
  if (!resident.present || !resident.child.ended) return;
  if (resident.call && give_again(resident.call)) return;
  if (!resident.call) {
    resident.lost = true;
    close_resident();
  }
}

bool interpreter_owns(const struct child *child) { return child == &resident.child; }

static enum interpreter_event received(const uint8_t *message, ssize_t n) {
  struct call *call = resident.call;
  if (n < 1 + PROOF_BYTES || !call || memcmp(message + 1, resident.proof, PROOF_BYTES) != 0)
    return INTERPRETER_REFUSED;
  if (message[0] == 'B') {
    resident.begun = true;
    close_passed();
    return INTERPRETER_QUIET;
  }
  if (message[0] != 'D' || !resident.begun || call->done || call->child->ended) return INTERPRETER_QUIET;
  call->done = true;
  call->raised = n > 1 + PROOF_BYTES && message[1 + PROOF_BYTES] == 1;
  close_passed();
  return INTERPRETER_DONE;
}

enum interpreter_event interpreter_ready(int fd) {
  uint8_t message[64];
  if (fd != resident.control) return INTERPRETER_OTHER;
  ssize_t n = recv(fd, message, sizeof message, MSG_DONTWAIT);
  if (n > 0) return received(message, n);
  if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
    /* The driver or the model's code has closed it: no further code can be given to this interpreter. Where it runs code, it
     * may run that to its end, and then ends itself. */
    unwatch_close(&resident.control);
    if (!resident.call && resident.child.main && !resident.child.ended) kill(resident.child.main, SIGKILL);
  }
  return INTERPRETER_QUIET;
}

struct call *interpreter_call(void) { return resident.call; }

bool interpreter_interrupt(struct call *call) {
  if (!resident.begun || call->child->ended) return false;
  kill(call->child->main, SIGINT);
  return true;
}

static void read_payload(struct call *call) {
  struct stat st;
  if (!call->done || call->memo_fd < 0 || fstat(call->memo_fd, &st) < 0) return;
  if (st.st_size <= (off_t)resident.results_at || (size_t)st.st_size - resident.results_at > PAYLOAD_MAX) return;
  size_t size = (size_t)st.st_size - resident.results_at;
  uint8_t *p = malloc(size);
  if (!p) return;
  ssize_t n = pread(call->memo_fd, p, size, (off_t)resident.results_at);
  if (n > 0) bytes_append(&call->payload, p, (size_t)n);
  free(p);
}

void interpreter_finish(struct call *call) {
  if (resident.call != call) return;
  resident.call = NULL;
  forget_place();
  close_passed();
  read_payload(call);
  if (resident.present && resident.child.main && !resident.child.ended && call->done) return;
  if (resident.present || call->reach == REACH_EVERYTHING) call->fate = FATE_LOST;
  close_resident();
}
