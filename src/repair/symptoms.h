/*
 * symptoms.h - what a person is shown when a trust is lost (codes of calls, events of a Windows
 * log, errors of Kerberos), and what that means: at which end to look, and the command that goes
 * on. Pure. docs/guide-lost-trust.md has the same rows, and a test holds them together. Sources:
 * the field guide, 1.6, 1.7 and 2; [MS-ERREF] 2.2, 2.3; RFC 4120 7.5.9.
 */
#ifndef NT_REPAIR_SYMPTOMS_H
#define NT_REPAIR_SYMPTOMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum nt_symptom_kind { NT_SYMPTOM_CODE, NT_SYMPTOM_EVENT, NT_SYMPTOM_KERBEROS };

struct nt_symptom {
    enum nt_symptom_kind kind;
    uint32_t status;   /* CODE: the NTSTATUS; 0: it has none */
    uint32_t number;   /* CODE: the Win32 code; EVENT, KERBEROS: the first number of its row */
    uint32_t last;     /* the last number of its row */
    const char *name;  /* "NO_TRUST_SAM_ACCOUNT"; of an event the log that it stands in */
    const char *means; /* a sentence */
    const char *end;   /* "the trusted domain" */
    const char *next;  /* a command, A and B being the two domains, or what to look after */
};

/*
 * As a person types it: "1787", "0x6fb", "0xC000018B", "C000018B", "NO_TRUST_SAM_ACCOUNT" also with
 * a prefix ("NT_STATUS_", "ERROR_", ...), "5722", "event 5722", "KDC 14", "KRB_AP_ERR_SKEW". NULL:
 * not known.
 */
const struct nt_symptom *nt_symptom_find(const char *typed);
/* All of them, in the guide's order. */
const struct nt_symptom *nt_symptoms(size_t *count);

#endif
