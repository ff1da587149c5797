/*
 * capture.h - what a capture of the network tells of trusts, as a story: who authenticated to whom,
 * which secure channels were opened, what was refused and why. Packets in, lines out; no I/O. All
 * of it is hostile: bounded in connections, bytes and calls that are remembered.
 *
 * Reads DCE/RPC over TCP and over SMB named pipes, NTLM and Netlogon's own authentication, and
 * NetBIOS; what is encrypted is counted, not read: there are no keys here.
 * Source: [MS-NRPC], [MS-LSAD], [MS-SAMR], [MS-RPCE], [MS-SMB2], [MS-NLMP]; RFC 1002.
 */
#ifndef NT_CAPTURE_CAPTURE_H
#define NT_CAPTURE_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/nttime.h"
#include "base/status.h"
#include "capture/packet.h"

#define NT_CAPTURE_TEXT        1024
#define NT_CAPTURE_NAME        128
#define NT_CAPTURE_CHANNELS    256  /* secure channels that are counted */
#define NT_CAPTURE_CONNECTIONS 1024 /* that are followed at one time; the idlest makes room */

enum nt_capture_tone { NT_CAPTURE_PLAIN, NT_CAPTURE_GOOD, NT_CAPTURE_BAD };

struct nt_capture_line {
    nt_time at; /* when it began */
    char client[NT_ADDRESS_TEXT], server[NT_ADDRESS_TEXT];
    const char *protocol; /* "netlogon", "SMB", "NetBIOS" */
    enum nt_capture_tone tone;
    const char *text; /* one sentence, lives until the function returns */
};

/* One account that opened, or tried to open, secure channels with one controller. */
struct nt_capture_channel {
    char account[NT_CAPTURE_NAME], computer[NT_CAPTURE_NAME];
    char server[NT_ADDRESS_TEXT];
    uint16_t type; /* NETLOGON_SECURE_CHANNEL_TYPE */
    unsigned granted, refused;
    ntstatus last; /* of the last try */
    nt_time last_at;
};

struct nt_capture_config {
    bool all; /* every call that can be read, not only those that trusts are made of */
    void (*tell)(void *ctx, const struct nt_capture_line *line);
    void *ctx;
};

struct nt_capture;

/* NULL: no memory. */
struct nt_capture *nt_capture_new(const struct nt_capture_config *config);
void nt_capture_free(struct nt_capture *c);
/* One frame, or as much of it as was captured; link: as libpcap names it. */
void nt_capture_packet(struct nt_capture *c, nt_time at, int link, const uint8_t *frame,
                       size_t len);
/* The capture has ended: tells what was left without an answer. */
void nt_capture_end(struct nt_capture *c);

struct nt_capture_totals {
    uint64_t packets, connections, fragments, gaps;
    uint64_t encrypted;                        /* SMB messages that cannot be read */
    const struct nt_capture_channel *channels; /* until the capture is freed */
    size_t channel_count;
};
struct nt_capture_totals nt_capture_totals(const struct nt_capture *c);

/* What a status most often means when a secure channel is refused with it, and what to look at; ""
 * for one that says nothing more than its name. */
const char *nt_capture_meaning(uint16_t channel_type, ntstatus status);

#endif
