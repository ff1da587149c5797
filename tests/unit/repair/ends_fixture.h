/*
 * ends_fixture.h - two Active Directory domains in a good trust, as nt_look_trust sees them; for
 * the tests of what is made of such facts.
 */
#ifndef TESTS_UNIT_REPAIR_ENDS_FIXTURE_H
#define TESTS_UNIT_REPAIR_ENDS_FIXTURE_H

#include "../test.h"

#include <stdio.h>
#include <string.h>

#include "repair/compare.h"

#define FIXTURE static __attribute__((unused))

#define NOW (400 * NT_TIME_DAY)

FIXTURE void seen(struct nt_asked *a)
{
    a->look = NT_LOOK_SEEN;
}

FIXTURE void failed(struct nt_asked *a, enum nt_admin_fail kind, const char *text)
{
    a->look = NT_LOOK_FAILED;
    a->error.kind = kind;
    snprintf(a->error.text, sizeof a->error.text, "%s", text);
}

FIXTURE void end_of(struct nt_end_facts *e, const char *name, const char *dns, const char *sid)
{
    e->typed = dns[0] != '\0' ? dns : name;
    snprintf(e->names.name, sizeof e->names.name, "%s", name);
    snprintf(e->names.dns, sizeof e->names.dns, "%s", dns);
    assert_true(nt_sid_parse(sid, &e->names.sid));
}

/* One controller of end i that sees the good half of a two-way AD trust. */
FIXTURE void controller(struct nt_ends_facts *f, size_t i, const char *host)
{
    struct nt_end_facts *e = &f->end[i];
    const struct nt_admin_names *other = &f->end[1 - i].names;
    struct nt_controller_facts *dc = &e->dc[e->count++];
    snprintf(dc->host, sizeof dc->host, "%s", host);
    seen(&dc->reached);
    dc->clock_known = true;
    seen(&dc->tdo_asked);
    dc->tdo.tdo =
        (struct nt_admin_tdo){ .exists = true, .sid = other->sid, .direction = 3, .type = 2 };
    memcpy(dc->tdo.tdo.name, other->name, sizeof other->name);
    memcpy(dc->tdo.dns, other->dns, sizeof other->dns);
    dc->tdo.enc_known = true;
    dc->tdo.enc_types = NT_ENC_AES;
    seen(&dc->account_asked);
    dc->account = (struct nt_admin_account){
        .exists = true, .type = NT_ADMIN_INTERDOMAIN, .rid = 1103, .password_set = NOW - NT_TIME_DAY
    };
    seen(&dc->channel_asked);
}

/* Two AD domains in a good trust. */
FIXTURE struct nt_ends_facts *good(void)
{
    static struct nt_ends_facts f;
    f = (struct nt_ends_facts){ .now = NOW };
    end_of(&f.end[0], "WEST", "west.test", "S-1-5-21-1-1-1");
    end_of(&f.end[1], "EAST", "east.test", "S-1-5-21-2-2-2");
    controller(&f, 0, "westdc");
    controller(&f, 1, "eastdc");
    return &f;
}

#define WEST(f) (&(f)->end[0].dc[0])
#define EAST(f) (&(f)->end[1].dc[0])

#endif
