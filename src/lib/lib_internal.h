/*
 * lib_internal.h - a handle of libntrust from the inside; seen by src/lib alone. What its functions
 * mean is told in ntrust/ntrust.h.
 */
#ifndef NT_LIB_INTERNAL_H
#define NT_LIB_INTERNAL_H

#include <signal.h>
#include <stdatomic.h>

#include "ntrust/ntrust.h"
#include "repair/pair.h"
#include "repair/renew.h"

/* Where an end's administrator is told. */
enum lib_who { LIB_WHO_ENDS_FILE, LIB_WHO_PASSWORD, LIB_WHO_FILE, LIB_WHO_KERBEROS, LIB_WHO_ENV };

struct lib_end {
    struct nt_end end; /* name "": not named yet */
    enum lib_who who;
    char user[NT_END_USER]; /* PASSWORD; "": the ends file's */
    struct nt_secret hash;  /* PASSWORD */
    char file[NT_END_PATH]; /* FILE */
    /* of the look under way; then wiped */
    struct nt_credentials credentials;
    char lost[400];
    /* texts of what was seen */
    char sid[NT_SID_TEXT], object_sid[NT_ENDS_CONTROLLERS][NT_SID_TEXT];
    char plan[600];
};

struct ntrust {
    atomic_bool busy;
    char error[1280];
    struct nt_ends ends; /* of the ends file */
    struct lib_end end[2];
    ntrust_progress_fn *progress;
    void *progress_ctx;
    uint32_t timeout_ms, patience_ms;
    char notes_directory[NT_END_PATH], notes[NT_END_PATH + 256]; /* "": none; the file in it */
    struct nt_renew_wish wish; /* of a new trust; its goal is set by the call */
    struct nt_look_config config;
    struct nt_look_end look[2]; /* sessions, during a call */
    /* what was seen last, and what came of the last change */
    bool looked, changed;
    struct nt_ends_facts facts;
    struct nt_diagnosis diagnosis;
    struct nt_renew_result result;
};

/* A call that may change the handle, between the two. OK, or what it has to return at once: the
 * handle is NULL, or in use. */
enum ntrust_result lib_enter(struct ntrust *t);
enum ntrust_result lib_leave(struct ntrust *t, enum ntrust_result result);

/* Sets the text of ntrust_error; returns `result`. */
enum ntrust_result lib_fail(struct ntrust *t, enum ntrust_result result, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Finds administrators and controllers, opens the sessions and fills the facts; the sessions stay
 * open, also after a failure, until lib_close. */
enum ntrust_result lib_look(struct ntrust *t, uint32_t usual_ms);
void lib_judge(struct ntrust *t);         /* the verdict, and the texts of the facts */
void lib_close(struct ntrust *t);         /* and wipes the credentials */
void lib_forget_change(struct ntrust *t); /* the last one's plan and outcome */

/* SIGPIPE is held back for this thread while sockets are written to: a controller that goes away
 * must not end the program that the library is part of. */
struct lib_pipe_guard {
    sigset_t before;
    bool pending;
};
void lib_hold_pipe(struct lib_pipe_guard *g);
void lib_release_pipe(const struct lib_pipe_guard *g);

#endif
