/*
 * lsa_lookup.c - names to SIDs and SIDs to names. Known here: the predefined SIDs, BUILTIN, the
 * accounts of this domain, and trusted domains by their own name and SID. Who lives in a trusted
 * domain only its own controllers know: such an entry comes back as unknown with its domain.
 * [MS-LSAT] 2.2.16 (levels), 3.1.4.4-3.1.4.12
 */
#include <string.h>

#include "base/utf16.h"
#include "service/lsa_internal.h"

#define NAMES_MOST 1000  /* [MS-LSAT] 2.2.16, range of Count */
#define SIDS_MOST  20480 /* [MS-LSAT] 2.2.18 */
#define NO_DOMAIN  (-1)
#define NO_RID     0xFFFFFFFFu

/* Which parts of what is known a level searches, [MS-LSAT] 2.2.16: WKSTA everything, TDL this
 * domain alone, the others this domain and the trusted ones. */
#define LEVEL_WKSTA LsapLookupWksta
#define LEVEL_TDL   LsapLookupTDL
#define LEVEL_LAST  LsapLookupRODCReferralToFullDC

/* --- predefined SIDs, [MS-DTYP] 2.4.2.4 --- */

static const struct predefined {
    const char *sid, *domain, *name;
    uint16_t use;
} predefined[] = {
    { "S-1-0-0", "", "NULL SID", SidTypeWellKnownGroup },
    { "S-1-1-0", "", "Everyone", SidTypeWellKnownGroup },
    { "S-1-2-0", "", "LOCAL", SidTypeWellKnownGroup },
    { "S-1-3-0", "", "CREATOR OWNER", SidTypeWellKnownGroup },
    { "S-1-3-1", "", "CREATOR GROUP", SidTypeWellKnownGroup },
    { "S-1-5-1", "NT AUTHORITY", "DIALUP", SidTypeWellKnownGroup },
    { "S-1-5-2", "NT AUTHORITY", "NETWORK", SidTypeWellKnownGroup },
    { "S-1-5-3", "NT AUTHORITY", "BATCH", SidTypeWellKnownGroup },
    { "S-1-5-4", "NT AUTHORITY", "INTERACTIVE", SidTypeWellKnownGroup },
    { "S-1-5-6", "NT AUTHORITY", "SERVICE", SidTypeWellKnownGroup },
    { "S-1-5-7", "NT AUTHORITY", "ANONYMOUS LOGON", SidTypeWellKnownGroup },
    { "S-1-5-8", "NT AUTHORITY", "PROXY", SidTypeWellKnownGroup },
    { "S-1-5-9", "NT AUTHORITY", "ENTERPRISE DOMAIN CONTROLLERS", SidTypeWellKnownGroup },
    { "S-1-5-10", "NT AUTHORITY", "SELF", SidTypeWellKnownGroup },
    { "S-1-5-11", "NT AUTHORITY", "Authenticated Users", SidTypeWellKnownGroup },
    { "S-1-5-12", "NT AUTHORITY", "RESTRICTED", SidTypeWellKnownGroup },
    { "S-1-5-13", "NT AUTHORITY", "TERMINAL SERVER USER", SidTypeWellKnownGroup },
    { "S-1-5-14", "NT AUTHORITY", "REMOTE INTERACTIVE LOGON", SidTypeWellKnownGroup },
    { "S-1-5-15", "NT AUTHORITY", "This Organization", SidTypeWellKnownGroup },
    { "S-1-5-18", "NT AUTHORITY", "SYSTEM", SidTypeWellKnownGroup },
    { "S-1-5-19", "NT AUTHORITY", "LOCAL SERVICE", SidTypeWellKnownGroup },
    { "S-1-5-20", "NT AUTHORITY", "NETWORK SERVICE", SidTypeWellKnownGroup },
};

/* --- one answer --- */

/* What a name or SID turned out to be. has_domain may be set for an unknown one too. */
struct found {
    uint16_t use;
    bool has_domain, has_rid;
    struct nt_sid domain;
    const char *domain_name;
    uint32_t rid;
    const char *name;
};

static const struct found unknown = { .use = SidTypeUnknown };

static bool mapped(const struct found *f)
{
    return f->use != SidTypeUnknown;
}

static struct found domain_itself(const struct nt_sid *sid, const char *name)
{
    return (struct found){
        .use = SidTypeDomain, .has_domain = true, .domain = *sid, .domain_name = name, .name = name
    };
}

static struct found member(const struct nt_sid *domain, const char *domain_name, uint16_t use,
                           uint32_t rid, const char *name)
{
    return (struct found){ .use = use,
                           .has_domain = true,
                           .has_rid = true,
                           .domain = *domain,
                           .domain_name = domain_name,
                           .rid = rid,
                           .name = name };
}

static struct found of_predefined(const struct predefined *p)
{
    struct nt_sid sid;
    if (!nt_sid_parse(p->sid, &sid))
        return unknown;
    uint32_t rid = sid.sub[--sid.sub_count];
    sid.sub[sid.sub_count] = 0;
    return member(&sid, p->domain, p->use, rid, p->name);
}

/* --- from names --- */

static struct found name_in_domain(const struct nt_dir *dir, const char *name)
{
    const struct nt_domain *d = nt_dir_domain(dir);
    const struct nt_account *account = nt_dir_account(dir, name);
    if (account != NULL)
        return member(&d->sid, d->name, SidTypeUser, account->rid, account->name);
    const struct nt_group *group = nt_dir_group(dir, name);
    if (group != NULL)
        return member(&d->sid, d->name, SidTypeGroup, group->rid, group->name);
    const struct nt_alias *alias = nt_dir_alias(dir, false, name);
    if (alias != NULL)
        return member(&d->sid, d->name, SidTypeAlias, alias->rid, alias->name);
    return unknown;
}

static struct found name_in_builtin(const struct nt_dir *dir, const char *name)
{
    const struct nt_alias *alias = nt_dir_alias(dir, true, name);
    return alias != NULL ? member(&nt_sid_builtin, "BUILTIN", SidTypeAlias, alias->rid, alias->name)
                         : unknown;
}

static struct found predefined_name(const char *domain, const char *name)
{
    for (size_t i = 0; i < NT_COUNT(predefined); i++)
        if (nt_name_equal(predefined[i].name, name) &&
            (domain == NULL || nt_name_equal(predefined[i].domain, domain)))
            return of_predefined(&predefined[i]);
    return unknown;
}

/* A name that is a domain's, or unknown. */
static struct found domain_name(const struct nt_dir *dir, uint16_t level, const char *name)
{
    const struct nt_domain *d = nt_dir_domain(dir);
    if (nt_name_equal(name, d->name) ||
        (d->dns_name[0] != '\0' && nt_name_equal(name, d->dns_name)))
        return domain_itself(&d->sid, d->name);
    if (level == LEVEL_WKSTA && nt_name_equal(name, "BUILTIN"))
        return domain_itself(&nt_sid_builtin, "BUILTIN");
    const struct nt_tdo *tdo = level != LEVEL_TDL ? nt_dir_tdo(dir, name) : NULL;
    return tdo != NULL && !nt_sid_is_null(&tdo->sid) ? domain_itself(&tdo->sid, tdo->name)
                                                     : unknown;
}

static struct found qualified(const struct nt_dir *dir, uint16_t level, const char *domain,
                              const char *name)
{
    if (level == LEVEL_WKSTA && (domain[0] == '\0' || nt_name_equal(domain, "NT AUTHORITY")))
        return predefined_name(domain, name);
    struct found f = domain_name(dir, level, domain);
    if (!mapped(&f) || name[0] == '\0')
        return f;
    if (nt_sid_equal(&f.domain, &nt_sid_builtin))
        return name_in_builtin(dir, name);
    if (nt_sid_equal(&f.domain, &nt_dir_domain(dir)->sid))
        return name_in_domain(dir, name);
    f.use = SidTypeUnknown; /* only that domain knows */
    return f;
}

static struct found isolated(const struct nt_dir *dir, uint16_t level, const char *name)
{
    struct found f = level == LEVEL_WKSTA ? predefined_name(NULL, name) : unknown;
    if (!mapped(&f))
        f = domain_name(dir, level, name);
    if (!mapped(&f))
        f = name_in_domain(dir, name);
    if (!mapped(&f) && level == LEVEL_WKSTA)
        f = name_in_builtin(dir, name);
    return f;
}

/* "name", "DOMAIN\name" or "name@DOMAIN", [MS-LSAT] 3.1.4.5 */
static struct found from_name(struct nt_call *call, uint16_t level, const RPC_UNICODE_STRING *in)
{
    const char *given = nt_wire_text(call, in);
    if (given == NULL || given[0] == '\0')
        return unknown;
    char *text = nt_arena_strdup(&call->arena, given);
    if (text == NULL)
        return unknown;
    char *cut = strchr(text, '\\');
    if (cut != NULL) {
        *cut = '\0';
        return qualified(call->dir, level, text, cut + 1);
    }
    cut = strrchr(text, '@');
    if (cut != NULL) {
        *cut = '\0';
        return qualified(call->dir, level, cut + 1, text);
    }
    return isolated(call->dir, level, text);
}

/* --- from SIDs --- */

static struct found rid_in_domain(const struct nt_dir *dir, uint32_t rid)
{
    const struct nt_domain *d = nt_dir_domain(dir);
    const struct nt_account *account = nt_dir_account_rid(dir, rid);
    if (account != NULL)
        return member(&d->sid, d->name, SidTypeUser, rid, account->name);
    const struct nt_group *group = nt_dir_group_rid(dir, rid);
    if (group != NULL)
        return member(&d->sid, d->name, SidTypeGroup, rid, group->name);
    const struct nt_alias *alias = nt_dir_alias_rid(dir, false, rid);
    if (alias != NULL)
        return member(&d->sid, d->name, SidTypeAlias, rid, alias->name);
    return member(&d->sid, d->name, SidTypeUnknown, rid, NULL);
}

static struct found predefined_sid(const struct nt_sid *sid)
{
    char text[NT_SID_TEXT];
    if (sid->sub_count != 1)
        return unknown;
    nt_sid_format(sid, text);
    for (size_t i = 0; i < NT_COUNT(predefined); i++)
        if (strcmp(predefined[i].sid, text) == 0)
            return of_predefined(&predefined[i]);
    return unknown;
}

static struct found from_sid(const struct nt_dir *dir, uint16_t level, const struct nt_sid *sid)
{
    const struct nt_domain *d = nt_dir_domain(dir);
    uint32_t rid;
    if (nt_sid_equal(sid, &d->sid))
        return domain_itself(&d->sid, d->name);
    if (nt_sid_in_domain(sid, &d->sid, &rid))
        return rid_in_domain(dir, rid);
    if (level == LEVEL_WKSTA) {
        if (nt_sid_equal(sid, &nt_sid_builtin))
            return domain_itself(&nt_sid_builtin, "BUILTIN");
        if (nt_sid_in_domain(sid, &nt_sid_builtin, &rid)) {
            const struct nt_alias *alias = nt_dir_alias_rid(dir, true, rid);
            return member(&nt_sid_builtin, "BUILTIN", alias != NULL ? SidTypeAlias : SidTypeUnknown,
                          rid, alias != NULL ? alias->name : NULL);
        }
        struct found f = predefined_sid(sid);
        if (mapped(&f))
            return f;
    }
    if (level == LEVEL_TDL || sid->sub_count == 0)
        return unknown;
    const struct nt_tdo *tdo = nt_dir_tdo_sid(dir, sid);
    if (tdo != NULL)
        return domain_itself(&tdo->sid, tdo->name);
    struct nt_sid parent = *sid;
    rid = parent.sub[--parent.sub_count];
    parent.sub[parent.sub_count] = 0;
    tdo = nt_dir_tdo_sid(dir, &parent);
    return tdo != NULL ? member(&tdo->sid, tdo->name, SidTypeUnknown, rid, NULL) : unknown;
}

/* --- the list of domains that an answer refers to --- */

struct referenced {
    struct nt_call *call;
    LSAPR_REFERENCED_DOMAIN_LIST *list;
    struct nt_sid *sids;
    uint32_t max;
    bool failed;
};

#define DOMAINS_MOST 64 /* that one answer refers to: own, BUILTIN, predefined, trusted */

static bool referenced_init(struct referenced *r, struct nt_call *call, uint32_t entries)
{
    *r = (struct referenced){ .call = call };
    r->max = entries < DOMAINS_MOST ? entries : DOMAINS_MOST;
    r->list = nt_arena_alloc(&call->arena, sizeof *r->list);
    r->sids = nt_arena_array(&call->arena, r->max, sizeof *r->sids);
    if (r->list == NULL || r->sids == NULL)
        return false;
    r->list->Domains = nt_arena_array(&call->arena, r->max, sizeof *r->list->Domains);
    r->list->MaxEntries = 32; /* ignored by clients, [MS-LSAT] 2.2.12 */
    return r->list->Domains != NULL;
}

static int32_t refer(struct referenced *r, const struct found *f)
{
    if (!f->has_domain)
        return NO_DOMAIN;
    for (uint32_t i = 0; i < r->list->Entries; i++)
        if (nt_sid_equal(&r->sids[i], &f->domain))
            return (int32_t)i;
    if (r->list->Entries == r->max)
        return NO_DOMAIN;
    uint32_t i = r->list->Entries;
    LSAPR_TRUST_INFORMATION *d = &r->list->Domains[i];
    d->Sid = nt_wire_sid(r->call, &f->domain);
    if (d->Sid == NULL || !nt_wire_string(r->call, f->domain_name, &d->Name)) {
        r->failed = true;
        return NO_DOMAIN;
    }
    r->sids[i] = f->domain;
    r->list->Entries++;
    return (int32_t)i;
}

static ntstatus outcome(uint32_t good, uint32_t asked)
{
    if (good == asked)
        return NT_STATUS(SUCCESS);
    return good == 0 ? NT_STATUS(NONE_MAPPED) : NT_STATUS(SOME_NOT_MAPPED);
}

/* --- the calls: names --- */

/* A translated name in the widest of the three forms; the narrower ones take what they have. */
struct name_result {
    struct found found;
    int32_t domain_index;
};

static ntstatus lookup_names(struct nt_call *call, uint16_t level, const RPC_UNICODE_STRING *names,
                             uint32_t count, struct name_result **out,
                             LSAPR_REFERENCED_DOMAIN_LIST **domains, uint32_t *mapped_count)
{
    struct referenced refs;
    *mapped_count = 0;
    if (level < LEVEL_WKSTA || level > LEVEL_LAST || count > NAMES_MOST)
        return NT_STATUS(INVALID_PARAMETER);
    struct name_result *results = nt_arena_array(&call->arena, count, sizeof *results);
    if (results == NULL || !referenced_init(&refs, call, count))
        return nt_call_nomem(call);
    for (uint32_t i = 0; i < count; i++) {
        results[i].found = from_name(call, level, &names[i]);
        results[i].domain_index = refer(&refs, &results[i].found);
        *mapped_count += mapped(&results[i].found);
    }
    if (refs.failed)
        return nt_call_nomem(call);
    *out = results;
    *domains = refs.list;
    return outcome(*mapped_count, count);
}

static uint32_t rid_of(const struct found *f)
{
    return mapped(f) && f->has_rid ? f->rid : NO_RID;
}

/* [MS-LSAT] 3.1.4.8 */
ntstatus lsa_lookup_names(struct nt_call *call, void *args)
{
    struct LsarLookupNames *a = args;
    struct name_result *r = NULL;
    ntstatus st;
    a->TranslatedSids = (LSAPR_TRANSLATED_SIDS){ 0 };
    if (nt_access_handle(call, &a->PolicyHandle, NT_HANDLE_LSA_POLICY, POLICY_LOOKUP_NAMES, &st) ==
        NULL)
        return st;
    st = lookup_names(call, a->LookupLevel, a->Names, a->Count, &r, &a->ReferencedDomains,
                      &a->MappedCount);
    if (r == NULL)
        return st;
    a->TranslatedSids.Sids = nt_arena_array(&call->arena, a->Count, sizeof *a->TranslatedSids.Sids);
    if (a->TranslatedSids.Sids == NULL)
        return nt_call_nomem(call);
    a->TranslatedSids.Entries = a->Count;
    for (uint32_t i = 0; i < a->Count; i++) {
        LSA_TRANSLATED_SID *out = &a->TranslatedSids.Sids[i];
        out->Use = r[i].found.use;
        out->RelativeId = rid_of(&r[i].found);
        out->DomainIndex = r[i].domain_index;
    }
    return st;
}

/* [MS-LSAT] 3.1.4.7 */
ntstatus lsa_lookup_names2(struct nt_call *call, void *args)
{
    struct LsarLookupNames2 *a = args;
    struct name_result *r = NULL;
    ntstatus st;
    a->TranslatedSids = (LSAPR_TRANSLATED_SIDS_EX){ 0 };
    if (nt_access_handle(call, &a->PolicyHandle, NT_HANDLE_LSA_POLICY, POLICY_LOOKUP_NAMES, &st) ==
        NULL)
        return st;
    st = lookup_names(call, a->LookupLevel, a->Names, a->Count, &r, &a->ReferencedDomains,
                      &a->MappedCount);
    if (r == NULL)
        return st;
    a->TranslatedSids.Sids = nt_arena_array(&call->arena, a->Count, sizeof *a->TranslatedSids.Sids);
    if (a->TranslatedSids.Sids == NULL)
        return nt_call_nomem(call);
    a->TranslatedSids.Entries = a->Count;
    for (uint32_t i = 0; i < a->Count; i++) {
        LSAPR_TRANSLATED_SID_EX *out = &a->TranslatedSids.Sids[i];
        out->Use = r[i].found.use;
        out->RelativeId = rid_of(&r[i].found);
        out->DomainIndex = r[i].domain_index;
    }
    return st;
}

static ntstatus names_to_full_sids(struct nt_call *call, const struct name_result *r,
                                   uint32_t count, LSAPR_TRANSLATED_SIDS_EX2 *out, ntstatus st)
{
    out->Sids = nt_arena_array(&call->arena, count, sizeof *out->Sids);
    if (out->Sids == NULL)
        return nt_call_nomem(call);
    out->Entries = count;
    for (uint32_t i = 0; i < count; i++) {
        const struct found *f = &r[i].found;
        struct nt_sid sid = f->domain;
        out->Sids[i].Use = f->use;
        out->Sids[i].DomainIndex = r[i].domain_index;
        if (!mapped(f) || (f->has_rid && !nt_sid_with_rid(&f->domain, f->rid, &sid)))
            continue;
        out->Sids[i].Sid = nt_wire_sid(call, &sid);
        if (out->Sids[i].Sid == NULL)
            return nt_call_nomem(call);
    }
    return st;
}

/* [MS-LSAT] 3.1.4.6 */
ntstatus lsa_lookup_names3(struct nt_call *call, void *args)
{
    struct LsarLookupNames3 *a = args;
    struct name_result *r = NULL;
    ntstatus st;
    a->TranslatedSids = (LSAPR_TRANSLATED_SIDS_EX2){ 0 };
    if (nt_access_handle(call, &a->PolicyHandle, NT_HANDLE_LSA_POLICY, POLICY_LOOKUP_NAMES, &st) ==
        NULL)
        return st;
    st = lookup_names(call, a->LookupLevel, a->Names, a->Count, &r, &a->ReferencedDomains,
                      &a->MappedCount);
    return r != NULL ? names_to_full_sids(call, r, a->Count, &a->TranslatedSids, st) : st;
}

/* [MS-LSAT] 3.1.4.5: no handle, over a secure channel only (lsa.c says so). */
ntstatus lsa_lookup_names4(struct nt_call *call, void *args)
{
    struct LsarLookupNames4 *a = args;
    struct name_result *r = NULL;
    a->TranslatedSids = (LSAPR_TRANSLATED_SIDS_EX2){ 0 };
    ntstatus st = lookup_names(call, a->LookupLevel, a->Names, a->Count, &r, &a->ReferencedDomains,
                               &a->MappedCount);
    return r != NULL ? names_to_full_sids(call, r, a->Count, &a->TranslatedSids, st) : st;
}

/* --- the calls: SIDs --- */

struct sid_result {
    uint16_t use;
    RPC_UNICODE_STRING name;
    int32_t domain_index;
};

/* An unknown SID is answered with its RID in hexadecimal when its domain is known, else with its
 * text. [MS-LSAT] 3.1.4.11 */
static const char *shown_name(struct nt_call *call, const struct found *f, const struct nt_sid *sid)
{
    char text[NT_SID_TEXT];
    if (f->name != NULL)
        return f->name;
    if (f->has_domain)
        return nt_arena_printf(&call->arena, "%08x", f->rid);
    return nt_arena_strdup(&call->arena, nt_sid_format(sid, text));
}

static ntstatus lookup_sids(struct nt_call *call, uint16_t level, const LSAPR_SID_ENUM_BUFFER *in,
                            struct sid_result **out, LSAPR_REFERENCED_DOMAIN_LIST **domains,
                            uint32_t *mapped_count)
{
    struct referenced refs;
    uint32_t count = in->Entries;
    *mapped_count = 0;
    if (level < LEVEL_WKSTA || level > LEVEL_LAST || count > SIDS_MOST ||
        (count > 0 && in->SidInfo == NULL))
        return NT_STATUS(INVALID_PARAMETER);
    struct sid_result *results = nt_arena_array(&call->arena, count, sizeof *results);
    if (results == NULL || !referenced_init(&refs, call, count))
        return nt_call_nomem(call);
    for (uint32_t i = 0; i < count; i++) {
        struct nt_sid sid;
        if (!nt_rpc_sid_get(in->SidInfo[i].Sid, &sid))
            return NT_STATUS(INVALID_PARAMETER);
        struct found f = from_sid(call->dir, level, &sid);
        const char *name = shown_name(call, &f, &sid);
        if (name == NULL || !nt_wire_string(call, name, &results[i].name))
            return nt_call_nomem(call);
        results[i].use = f.use;
        results[i].domain_index = refer(&refs, &f);
        *mapped_count += mapped(&f);
    }
    if (refs.failed)
        return nt_call_nomem(call);
    *out = results;
    *domains = refs.list;
    return outcome(*mapped_count, count);
}

/* [MS-LSAT] 3.1.4.11 */
ntstatus lsa_lookup_sids(struct nt_call *call, void *args)
{
    struct LsarLookupSids *a = args;
    struct sid_result *r = NULL;
    ntstatus st;
    uint32_t count = a->SidEnumBuffer.Entries;
    a->TranslatedNames = (LSAPR_TRANSLATED_NAMES){ 0 };
    if (nt_access_handle(call, &a->PolicyHandle, NT_HANDLE_LSA_POLICY, POLICY_LOOKUP_NAMES, &st) ==
        NULL)
        return st;
    st = lookup_sids(call, a->LookupLevel, &a->SidEnumBuffer, &r, &a->ReferencedDomains,
                     &a->MappedCount);
    if (r == NULL)
        return st;
    a->TranslatedNames.Names = nt_arena_array(&call->arena, count, sizeof(LSAPR_TRANSLATED_NAME));
    if (a->TranslatedNames.Names == NULL)
        return nt_call_nomem(call);
    a->TranslatedNames.Entries = count;
    for (uint32_t i = 0; i < count; i++)
        a->TranslatedNames.Names[i] = (LSAPR_TRANSLATED_NAME){ .Use = r[i].use,
                                                               .Name = r[i].name,
                                                               .DomainIndex = r[i].domain_index };
    return st;
}

static ntstatus sids_to_names(struct nt_call *call, const struct sid_result *r, uint32_t count,
                              LSAPR_TRANSLATED_NAMES_EX *out, ntstatus st)
{
    out->Names = nt_arena_array(&call->arena, count, sizeof *out->Names);
    if (out->Names == NULL)
        return nt_call_nomem(call);
    out->Entries = count;
    for (uint32_t i = 0; i < count; i++)
        out->Names[i] = (LSAPR_TRANSLATED_NAME_EX){ .Use = r[i].use,
                                                    .Name = r[i].name,
                                                    .DomainIndex = r[i].domain_index };
    return st;
}

/* [MS-LSAT] 3.1.4.10 */
ntstatus lsa_lookup_sids2(struct nt_call *call, void *args)
{
    struct LsarLookupSids2 *a = args;
    struct sid_result *r = NULL;
    ntstatus st;
    a->TranslatedNames = (LSAPR_TRANSLATED_NAMES_EX){ 0 };
    if (nt_access_handle(call, &a->PolicyHandle, NT_HANDLE_LSA_POLICY, POLICY_LOOKUP_NAMES, &st) ==
        NULL)
        return st;
    st = lookup_sids(call, a->LookupLevel, &a->SidEnumBuffer, &r, &a->ReferencedDomains,
                     &a->MappedCount);
    return r != NULL ? sids_to_names(call, r, a->SidEnumBuffer.Entries, &a->TranslatedNames, st)
                     : st;
}

/* [MS-LSAT] 3.1.4.9: no handle, over a secure channel only (lsa.c says so). */
ntstatus lsa_lookup_sids3(struct nt_call *call, void *args)
{
    struct LsarLookupSids3 *a = args;
    struct sid_result *r = NULL;
    a->TranslatedNames = (LSAPR_TRANSLATED_NAMES_EX){ 0 };
    ntstatus st = lookup_sids(call, a->LookupLevel, &a->SidEnumBuffer, &r, &a->ReferencedDomains,
                              &a->MappedCount);
    return r != NULL ? sids_to_names(call, r, a->SidEnumBuffer.Entries, &a->TranslatedNames, st)
                     : st;
}
