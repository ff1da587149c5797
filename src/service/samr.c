/*
 * samr.c - the SAMR interface: every opnum that is served, with what it needs of its caller.
 * [MS-SAMR] 3.1.5
 *
 * Over TCP whoever calls must have authenticated, and what passes must be signed (field-guide 3);
 * passwords in it are encrypted under the session key besides. Only the change of an own password
 * is open to callers without a logon: an expired password allows none, and the call proves the old
 * one.
 */
#include "service/samr_internal.h"

#define SIGNED (NT_NEEDS_AUTH | NT_NEEDS_INTEGRITY)

/* clang-format off: a table */
static const struct nt_op ops[] = {
    [0] = { &ndr_SamrConnect, samr_connect, SIGNED },
    [1] = { &ndr_SamrCloseHandle, samr_close_handle, SIGNED },
    [2] = { &ndr_SamrSetSecurityObject, samr_set_security, SIGNED },
    [3] = { &ndr_SamrQuerySecurityObject, samr_query_security, SIGNED },
    [5] = { &ndr_SamrLookupDomainInSamServer, samr_lookup_domain, SIGNED },
    [6] = { &ndr_SamrEnumerateDomainsInSamServer, samr_enumerate_domains, SIGNED },
    [7] = { &ndr_SamrOpenDomain, samr_open_domain, SIGNED },
    [8] = { &ndr_SamrQueryInformationDomain, samr_query_domain, SIGNED },
    [9] = { &ndr_SamrSetInformationDomain, samr_set_domain, SIGNED },
    [10] = { &ndr_SamrCreateGroupInDomain, samr_create_group, SIGNED },
    [11] = { &ndr_SamrEnumerateGroupsInDomain, samr_enumerate_groups, SIGNED },
    [12] = { &ndr_SamrCreateUserInDomain, samr_create_user, SIGNED },
    [13] = { &ndr_SamrEnumerateUsersInDomain, samr_enumerate_users, SIGNED },
    [14] = { &ndr_SamrCreateAliasInDomain, samr_create_alias, SIGNED },
    [15] = { &ndr_SamrEnumerateAliasesInDomain, samr_enumerate_aliases, SIGNED },
    [16] = { &ndr_SamrGetAliasMembership, samr_get_alias_membership, SIGNED },
    [17] = { &ndr_SamrLookupNamesInDomain, samr_lookup_names, SIGNED },
    [18] = { &ndr_SamrLookupIdsInDomain, samr_lookup_ids, SIGNED },
    [19] = { &ndr_SamrOpenGroup, samr_open_group, SIGNED },
    [20] = { &ndr_SamrQueryInformationGroup, samr_query_group, SIGNED },
    [21] = { &ndr_SamrSetInformationGroup, samr_set_group, SIGNED },
    [22] = { &ndr_SamrAddMemberToGroup, samr_add_member_to_group, SIGNED },
    [23] = { &ndr_SamrDeleteGroup, samr_delete_group, SIGNED },
    [24] = { &ndr_SamrRemoveMemberFromGroup, samr_remove_member_from_group, SIGNED },
    [25] = { &ndr_SamrGetMembersInGroup, samr_get_members_in_group, SIGNED },
    [26] = { &ndr_SamrSetMemberAttributesOfGroup, samr_set_member_attributes, SIGNED },
    [27] = { &ndr_SamrOpenAlias, samr_open_alias, SIGNED },
    [28] = { &ndr_SamrQueryInformationAlias, samr_query_alias, SIGNED },
    [29] = { &ndr_SamrSetInformationAlias, samr_set_alias, SIGNED },
    [30] = { &ndr_SamrDeleteAlias, samr_delete_alias, SIGNED },
    [31] = { &ndr_SamrAddMemberToAlias, samr_add_member_to_alias, SIGNED },
    [32] = { &ndr_SamrRemoveMemberFromAlias, samr_remove_member_from_alias, SIGNED },
    [33] = { &ndr_SamrGetMembersInAlias, samr_get_members_in_alias, SIGNED },
    [34] = { &ndr_SamrOpenUser, samr_open_user, SIGNED },
    [35] = { &ndr_SamrDeleteUser, samr_delete_user, SIGNED },
    [36] = { &ndr_SamrQueryInformationUser, samr_query_user, SIGNED },
    [37] = { &ndr_SamrSetInformationUser, samr_set_user, SIGNED },
    [39] = { &ndr_SamrGetGroupsForUser, samr_get_groups_for_user, SIGNED },
    [40] = { &ndr_SamrQueryDisplayInformation, samr_query_display, SIGNED },
    [41] = { &ndr_SamrGetDisplayEnumerationIndex, samr_get_display_index, SIGNED },
    [44] = { &ndr_SamrGetUserDomainPasswordInformation, samr_get_user_pw_info, SIGNED },
    [45] = { &ndr_SamrRemoveMemberFromForeignDomain, samr_remove_foreign_member, SIGNED },
    [46] = { &ndr_SamrQueryInformationDomain2, samr_query_domain2, SIGNED },
    [47] = { &ndr_SamrQueryInformationUser2, samr_query_user2, SIGNED },
    [48] = { &ndr_SamrQueryDisplayInformation2, samr_query_display2, SIGNED },
    [49] = { &ndr_SamrGetDisplayEnumerationIndex2, samr_get_display_index2, SIGNED },
    [50] = { &ndr_SamrCreateUser2InDomain, samr_create_user2, SIGNED },
    [51] = { &ndr_SamrQueryDisplayInformation3, samr_query_display3, SIGNED },
    [52] = { &ndr_SamrAddMultipleMembersToAlias, samr_add_members_to_alias, SIGNED },
    [53] = { &ndr_SamrRemoveMultipleMembersFromAlias, samr_remove_members_from_alias, SIGNED },
    [55] = { &ndr_SamrUnicodeChangePasswordUser2, samr_change_password2, NT_NEEDS_NOTHING },
    [56] = { &ndr_SamrGetDomainPasswordInformation, samr_get_domain_pw_info, SIGNED },
    [57] = { &ndr_SamrConnect2, samr_connect2, SIGNED },
    [58] = { &ndr_SamrSetInformationUser2, samr_set_user2, SIGNED },
    [61] = { &ndr_SamrConnect3, samr_connect3, SIGNED },
    [62] = { &ndr_SamrConnect4, samr_connect4, SIGNED },
    [63] = { &ndr_SamrUnicodeChangePasswordUser3, samr_change_password3, NT_NEEDS_NOTHING },
    [64] = { &ndr_SamrConnect5, samr_connect5, SIGNED },
    [65] = { &ndr_SamrRidToSid, samr_rid_to_sid, SIGNED },
    [73] = { &ndr_SamrUnicodeChangePasswordUser4, samr_change_password4, SIGNED },
};
/* clang-format on */

const struct nt_interface nt_samr_interface = { &ndr_samr, ops, NT_COUNT(ops) };
