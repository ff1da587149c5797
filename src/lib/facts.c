/* facts.c - what was seen, as the public structs have it. */
#include <string.h>

#include "lib/lib_internal.h"

/* As much as the caller's version of the struct has; what it has beyond ours is zero. */
static enum ntrust_result fill(void *out, size_t size, const void *from, size_t own)
{
    if (out == NULL || size == 0)
        return NTRUST_E_ARGUMENT;
    memset(out, 0, size);
    memcpy(out, from, size < own ? size : own);
    return NTRUST_OK;
}

static enum ntrust_grade grade_of(enum nt_grade grade)
{
    switch (grade) {
    case NT_GRADE_GOOD:
        return NTRUST_GOOD;
    case NT_GRADE_WARNING:
        return NTRUST_WARNING;
    case NT_GRADE_CRITICAL:
        return NTRUST_CRITICAL;
    case NT_GRADE_UNKNOWN:
        break;
    }
    return NTRUST_UNKNOWN;
}

static enum ntrust_seen seen_of(const struct nt_asked *a)
{
    switch (a->look) {
    case NT_LOOK_SEEN:
        return NTRUST_SEEN;
    case NT_LOOK_FAILED:
        return NTRUST_NOT_SEEN;
    case NT_LOOK_NOT_ASKED:
        break;
    }
    return NTRUST_NOT_ASKED;
}

static const char *error_of(const struct nt_asked *a)
{
    return a->look == NT_LOOK_FAILED ? a->error.text : "";
}

static const struct nt_end_facts *end_of(const struct ntrust *t, unsigned end)
{
    return t != NULL && t->looked && end < 2 ? &t->facts.end[end] : NULL;
}

enum ntrust_result ntrust_get_verdict(const struct ntrust *t, struct ntrust_verdict *out,
                                      size_t size)
{
    if (t == NULL || !t->looked)
        return NTRUST_E_ARGUMENT;
    const struct nt_diagnosis *d = &t->diagnosis;
    const struct ntrust_verdict v = { .grade = grade_of(d->grade),
                                      .reason = d->reason,
                                      .verdict = d->verdict,
                                      .fault = d->end,
                                      .cause = d->cause,
                                      .remedy = d->remedy,
                                      .findings = NT_GROUP_COUNT };
    return fill(out, size, &v, sizeof v);
}

enum ntrust_result ntrust_get_finding(const struct ntrust *t, size_t index,
                                      struct ntrust_finding *out, size_t size)
{
    if (t == NULL || !t->looked || index >= NT_GROUP_COUNT)
        return NTRUST_E_ARGUMENT;
    const struct nt_finding *f = &t->diagnosis.group[index];
    const struct ntrust_finding v = { .group = nt_group_name((enum nt_group_of)index),
                                      .judged = f->looked,
                                      .grade = grade_of(f->grade),
                                      .text = f->text };
    return fill(out, size, &v, sizeof v);
}

enum ntrust_result ntrust_get_end(const struct ntrust *t, unsigned end, struct ntrust_end *out,
                                  size_t size)
{
    const struct nt_end_facts *f = end_of(t, end);
    if (f == NULL)
        return NTRUST_E_ARGUMENT;
    const struct ntrust_end v = { .named = f->typed,
                                  .seen = nt_end_main(f) != NULL,
                                  .name = f->names.name,
                                  .dns = f->names.dns,
                                  .sid = t->end[end].sid,
                                  .controllers = f->count,
                                  .main = f->main,
                                  .lost = f->lost };
    return fill(out, size, &v, sizeof v);
}

static void put_object(const struct nt_controller_facts *dc, const char *sid,
                       struct ntrust_controller *v)
{
    const struct nt_admin_tdo *o = &dc->tdo.tdo;
    v->object = seen_of(&dc->tdo_asked);
    v->object_error = error_of(&dc->tdo_asked);
    v->object_exists = v->object == NTRUST_SEEN && o->exists;
    v->object_name = v->object_exists ? o->name : "";
    v->object_dns = v->object_exists ? dc->tdo.dns : "";
    v->object_sid = sid;
    if (!v->object_exists)
        return;
    v->direction = o->direction;
    v->type = o->type;
    v->attributes = o->attributes;
    v->encryption_known = dc->tdo.enc_known;
    v->encryption_types = dc->tdo.enc_known ? dc->tdo.enc_types : 0;
}

static void put_account(const struct nt_controller_facts *dc, struct ntrust_controller *v)
{
    const struct nt_admin_account *a = &dc->account;
    v->account = seen_of(&dc->account_asked);
    v->account_error = error_of(&dc->account_asked);
    v->account_exists = v->account == NTRUST_SEEN && a->exists;
    v->account_type = v->account_exists ? nt_admin_account_type_name(a->type) : "";
    v->account_disabled = v->account_exists && a->disabled;
    if (v->account_exists && a->password_set != 0)
        v->account_password_set = nt_time_to_unix(a->password_set);
}

static void put_channel(const struct nt_controller_facts *dc, struct ntrust_controller *v)
{
    v->channel = seen_of(&dc->channel_asked);
    v->channel_error = error_of(&dc->channel_asked);
    v->channel_code_name = v->channel_controller = "";
    if (v->channel != NTRUST_SEEN)
        return;
    v->channel_code = dc->channel.werr;
    v->channel_code_name = nt_werror_name(dc->channel.werr);
    v->channel_controller = dc->channel.controller;
}

enum ntrust_result ntrust_get_controller(const struct ntrust *t, unsigned end, size_t index,
                                         struct ntrust_controller *out, size_t size)
{
    const struct nt_end_facts *f = end_of(t, end);
    if (f == NULL || index >= f->count)
        return NTRUST_E_ARGUMENT;
    const struct nt_controller_facts *dc = &f->dc[index];
    struct ntrust_controller v = { .host = dc->host,
                                   .reached = seen_of(&dc->reached),
                                   .reached_error = error_of(&dc->reached),
                                   .anonymous = dc->nobody,
                                   .primary = dc->role_known && dc->pdc,
                                   .protection_known = dc->protection_known,
                                   .clock_known = dc->clock_known };
    if (dc->clock_known)
        v.clock_ahead_ms = dc->ahead_100ns / (int64_t)(NT_TIME_SECOND / 1000);
    if (dc->protection_known) {
        v.is_signed = dc->protection.is_signed;
        v.is_encrypted = dc->protection.is_encrypted;
    }
    put_object(dc, t->end[end].object_sid[index], &v);
    put_account(dc, &v);
    put_channel(dc, &v);
    if (t->changed && t->result.dc[end][index].shown) {
        v.shown = 1;
        v.shown_ms = t->result.dc[end][index].ms;
    }
    return fill(out, size, &v, sizeof v);
}

const char *ntrust_get_plan(const struct ntrust *t, unsigned end)
{
    return t != NULL && end < 2 ? t->end[end].plan : "";
}

enum ntrust_result ntrust_get_outcome(const struct ntrust *t, struct ntrust_outcome *out,
                                      size_t size)
{
    if (t == NULL || !t->changed)
        return NTRUST_E_ARGUMENT;
    const struct nt_renew_result *r = &t->result;
    bool failed = r->failed < 2;
    const struct ntrust_outcome v = { .changed = r->touched,
                                      .undone = r->undone,
                                      .failed_end = failed ? (int)r->failed : -1,
                                      .failed_kind =
                                          failed ? nt_admin_fail_name(r->error.kind) : "",
                                      .failed_status =
                                          failed ? nt_status_name(r->error.status) : "",
                                      .proven = r->proven,
                                      .proven_ms = r->proven_ms };
    return fill(out, size, &v, sizeof v);
}
