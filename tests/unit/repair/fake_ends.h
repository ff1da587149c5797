/*
 * fake_ends.h - two domains in memory instead of admin*.c and look.c: the calls that renew_run.c
 * makes, with what they change, and the nth of them that fails. Linked before the library, so that
 * these stand for its own.
 */
#ifndef TESTS_UNIT_REPAIR_FAKE_ENDS_H
#define TESTS_UNIT_REPAIR_FAKE_ENDS_H

#include <stdatomic.h>

#include "repair/renew.h"

/* How the change that is to fail does: refused; carried out, and the answer lost; the program
 * killed before it, so nothing that comes after it happens either. */
enum fake_failure { FAKE_REFUSED, FAKE_ANSWER_LOST, FAKE_KILLED };

struct fake_domain {
    struct nt_admin_names names;
    const char *computer;
    struct nt_admin_tdo_full tdo;
    struct nt_admin_account account;
    bool keeps_old;         /* says yes to new secrets of an object that is there: Samba's AD */
    bool may;               /* the administrator's rights */
    const char *taken;      /* a computer account of that name; NULL: none */
    struct nt_password out; /* what it proves itself with */
    struct nt_password in;  /* of the account */
};

struct fake {
    struct fake_domain domain[2];
    struct nt_ends_facts facts;
    struct nt_look_end ends[2];
    struct nt_look_config config;
    enum fake_failure how;
    unsigned fail_at; /* 0: never */
    bool slow;        /* between deleting a half and making it anew: both may be gone */
    /* Both ends are changed at once. */
    atomic_uint changes;
    atomic_bool dead;
    atomic_ullong clock;
};

/* Two domains without a trust. nt: NT-style. */
void fake_init(struct fake *f, bool nt_first, bool nt_second);
/* As if a new program had looked: all calls work again. */
void fake_look(struct fake *f);
bool fake_proves(const struct fake *f, size_t trusting);
bool fake_has_nothing(const struct fake *f);

#endif
