/*
 * admin_trust_set.c - changes of a trusted domain object between two domains that are not ours.
 * Nothing that the object has besides is touched: each call sets one class of its information.
 * [MS-LSAD] 3.1.4.7.4 (LsarSetTrustedDomainInfoByName), 3.1.4.7.10 (LsarCreateTrustedDomainEx2)
 */
#include "repair/admin_internal.h"

#include <string.h>

#include "idl/lsarpc.h"
#include "idl/netlogon.h"
#include "service/wire.h"

#define TDO_READ 0x00000001u /* [MS-LSAD] 2.2.1.1.5: query the name */
#define FOREST   0x00000008u /* [MS-ADTS] 6.1.6.7.9 */

static bool put_ex(struct nt_admin *a, const struct nt_admin_tdo_full *want,
                   LSAPR_TRUSTED_DOMAIN_INFORMATION_EX *out)
{
    const char *name = want->dns[0] != '\0' ? want->dns : want->tdo.name;
    out->Sid = nt_rpc_sid_put(&a->arena, &want->tdo.sid);
    out->TrustDirection = want->tdo.direction;
    out->TrustType = want->tdo.type;
    out->TrustAttributes = want->tdo.attributes;
    return (out->Sid != NULL && nt_unicode_put(&a->arena, name, &out->Name) &&
            nt_unicode_put(&a->arena, want->tdo.name, &out->FlatName)) ||
           admin_nomem(a);
}

/* One class of the object's information; the object is found by its name. */
static bool set_class(struct nt_admin *a, const char *trusted, uint16_t class,
                      const LSAPR_TRUSTED_DOMAIN_INFO *info)
{
    struct LsarSetTrustedDomainInfoByName args = { .InformationClass = class,
                                                   .TrustedDomainInformation = *info };
    if (!nt_unicode_put(&a->arena, trusted, &args.TrustedDomainName))
        return admin_nomem(a);
    args.PolicyHandle = a->policy;
    if (!admin_call(a, &a->lsa, &ndr_LsarSetTrustedDomainInfoByName, &args))
        return false;
    return nt_status_ok(args.result) ||
           admin_status(a, &ndr_LsarSetTrustedDomainInfoByName, args.result);
}

bool nt_admin_trust_set_secrets(struct nt_admin *a, const char *trusted,
                                const struct nt_password *outgoing,
                                const struct nt_password *incoming)
{
    LSAPR_TRUSTED_DOMAIN_INFO info = { 0 };
    admin_begin(a);
    return admin_open_policy(a, ADMIN_POLICY_CHANGE) &&
           admin_put_auth(a, outgoing, incoming, &info.TrustedAuthInfoInternal.AuthBlob) &&
           set_class(a, trusted, TrustedDomainAuthInformationInternal, &info);
}

bool nt_admin_trust_set_kind(struct nt_admin *a, const char *trusted,
                             const struct nt_admin_tdo_full *want,
                             const struct nt_password *outgoing, const struct nt_password *incoming)
{
    LSAPR_TRUSTED_DOMAIN_INFO info = { 0 };
    admin_begin(a);
    return admin_open_policy(a, ADMIN_POLICY_CHANGE) &&
           put_ex(a, want, &info.TrustedFullInfoInternal.Information) &&
           admin_put_auth(a, outgoing, incoming,
                          &info.TrustedFullInfoInternal.AuthInformation.AuthBlob) &&
           set_class(a, trusted, TrustedDomainFullInformationInternal, &info);
}

bool nt_admin_trust_set_encryption(struct nt_admin *a, const char *trusted, uint32_t enc_types)
{
    const LSAPR_TRUSTED_DOMAIN_INFO info = { .TrustedDomainSETs.SupportedEncryptionTypes =
                                                 enc_types };
    admin_begin(a);
    return admin_open_policy(a, ADMIN_POLICY_CHANGE) &&
           set_class(a, trusted, TrustedDomainSupportedEncryptionTypes, &info);
}

/* --- made, and made anew --- */

static bool make(struct nt_admin *a, const struct nt_admin_tdo_full *want,
                 const struct nt_password *outgoing, const struct nt_password *incoming)
{
    struct LsarCreateTrustedDomainEx2 args = { .DesiredAccess = TDO_READ };
    if (!admin_open_policy(a, ADMIN_POLICY_CHANGE) ||
        !put_ex(a, want, &args.TrustedDomainInformation) ||
        !admin_put_auth(a, outgoing, incoming, &args.AuthenticationInformation.AuthBlob))
        return false;
    args.PolicyHandle = a->policy;
    if (!admin_call(a, &a->lsa, &ndr_LsarCreateTrustedDomainEx2, &args))
        return false;
    if (!nt_status_ok(args.result))
        return admin_status(a, &ndr_LsarCreateTrustedDomainEx2, args.result);
    struct LsarClose close = { .ObjectHandle = args.TrustedDomainHandle };
    (void)admin_call(a, &a->lsa, &ndr_LsarClose, &close); /* that it fails is of no interest */
    return true;
}

bool nt_admin_trust_make(struct nt_admin *a, const struct nt_admin_tdo_full *want,
                         const struct nt_password *outgoing, const struct nt_password *incoming)
{
    admin_begin(a);
    return make(a, want, outgoing, incoming);
}

/* The name suffixes of a forest trust, with those that are switched off. *out NULL: it has none. */
static bool read_suffixes(struct nt_admin *a, const char *trusted,
                          LSA_FOREST_TRUST_INFORMATION **out)
{
    struct LsarQueryForestTrustInformation args = { .HighestRecordType = ForestTrustDomainInfo };
    *out = NULL;
    if (!admin_open_policy(a, ADMIN_POLICY_CHANGE))
        return false;
    if (!nt_unicode_put(&a->arena, trusted, &args.TrustedDomainName))
        return admin_nomem(a);
    args.PolicyHandle = a->policy;
    if (!admin_call(a, &a->lsa, &ndr_LsarQueryForestTrustInformation, &args))
        return false;
    /* Of an object that is no forest trust: [MS-LSAD] 3.1.4.7.15, and what Samba gives. */
    if (nt_status_is(args.result, NT_STATUS(NOT_FOUND)) ||
        nt_status_is(args.result, NT_STATUS(INVALID_DOMAIN_STATE)) ||
        nt_status_is(args.result, NT_STATUS(INVALID_PARAMETER)))
        return true;
    if (!nt_status_ok(args.result))
        return admin_status(a, &ndr_LsarQueryForestTrustInformation, args.result);
    *out = args.ForestTrustInfo;
    return true;
}

static bool write_suffixes(struct nt_admin *a, const char *trusted,
                           const LSA_FOREST_TRUST_INFORMATION *info)
{
    struct LsarSetForestTrustInformation args = { .HighestRecordType = ForestTrustDomainInfo,
                                                  .ForestTrustInfo = *info };
    if (!nt_unicode_put(&a->arena, trusted, &args.TrustedDomainName))
        return admin_nomem(a);
    args.PolicyHandle = a->policy;
    if (!admin_call(a, &a->lsa, &ndr_LsarSetForestTrustInformation, &args))
        return false;
    return nt_status_ok(args.result) ||
           admin_status(a, &ndr_LsarSetForestTrustInformation, args.result);
}

bool nt_admin_trust_remake(struct nt_admin *a, const char *trusted,
                           const struct nt_admin_tdo_full *want, const struct nt_password *outgoing,
                           const struct nt_password *incoming)
{
    LSA_FOREST_TRUST_INFORMATION *suffixes = NULL;
    admin_begin(a);
    if ((want->tdo.attributes & FOREST) != 0 && !read_suffixes(a, trusted, &suffixes))
        return false;
    if (!admin_tdo_delete(a, trusted) || !make(a, want, outgoing, incoming))
        return false;
    return suffixes == NULL ||
           write_suffixes(a, want->dns[0] != '\0' ? want->dns : want->tdo.name, suffixes);
}

/* [MS-NRPC] 3.5.4.7.5: without a domain's name, those of its own forest */
bool nt_admin_trust_take_suffixes(struct nt_admin *a, const char *trusted, struct nt_admin *of)
{
    struct DsrGetForestTrustInformation args = { .Flags = 0 };
    admin_begin(a);
    admin_begin(of);
    if (!admin_call(of, &of->netlogon, &ndr_DsrGetForestTrustInformation, &args) ||
        args.result != NT_WERR_OK || args.ForestTrustInfo == NULL)
        return true;
    return admin_open_policy(a, ADMIN_POLICY_CHANGE) &&
           write_suffixes(a, trusted, args.ForestTrustInfo);
}
