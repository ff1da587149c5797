/*
 * notify.h - tells the service manager how we are: sd_notify(3)'s protocol, one datagram.
 */
#ifndef NT_DAEMON_NOTIFY_H
#define NT_DAEMON_NOTIFY_H

/* "READY=1", "STOPPING=1", "STATUS=..."; does nothing when no manager asked (NOTIFY_SOCKET). */
void nt_notify(const char *state);

#endif
