/*
 * smb2.h - the numbers of SMB 2 and 3 that named pipes need. Source: [MS-SMB2] 2.2; control codes
 * [MS-FSCC] 2.3; information classes [MS-FSCC] 2.4.
 */
#ifndef NT_SMB_SMB2_H
#define NT_SMB_SMB2_H

#include <stdint.h>

#define NT_SMB2_HEADER_LEN 64

/* Dialects, 2.2.3 */
#define NT_SMB2_202  0x0202
#define NT_SMB2_210  0x0210
#define NT_SMB2_300  0x0300
#define NT_SMB2_302  0x0302
#define NT_SMB2_311  0x0311
#define NT_SMB2_WILD 0x02FF /* answers the SMB1 form that offers "SMB 2.???" */

/* Commands, 2.2.1.2 */
enum nt_smb2_command {
    NT_SMB2_NEGOTIATE = 0,
    NT_SMB2_SESSION_SETUP = 1,
    NT_SMB2_LOGOFF = 2,
    NT_SMB2_TREE_CONNECT = 3,
    NT_SMB2_TREE_DISCONNECT = 4,
    NT_SMB2_CREATE = 5,
    NT_SMB2_CLOSE = 6,
    NT_SMB2_FLUSH = 7,
    NT_SMB2_READ = 8,
    NT_SMB2_WRITE = 9,
    NT_SMB2_LOCK = 10,
    NT_SMB2_IOCTL = 11,
    NT_SMB2_CANCEL = 12,
    NT_SMB2_ECHO = 13,
    NT_SMB2_QUERY_DIRECTORY = 14,
    NT_SMB2_CHANGE_NOTIFY = 15,
    NT_SMB2_QUERY_INFO = 16,
    NT_SMB2_SET_INFO = 17,
    NT_SMB2_OPLOCK_BREAK = 18,
    NT_SMB2_COMMANDS /* count */
};

/* Header flags, 2.2.1.2 */
#define NT_SMB2_FLAG_RESPONSE 0x00000001u
#define NT_SMB2_FLAG_ASYNC    0x00000002u
#define NT_SMB2_FLAG_RELATED  0x00000004u
#define NT_SMB2_FLAG_SIGNED   0x00000008u

/* SecurityMode */
#define NT_SMB2_SIGNING_ENABLED  0x0001
#define NT_SMB2_SIGNING_REQUIRED 0x0002

/* Capabilities, 2.2.3 and 2.2.4 */
#define NT_SMB2_CAP_DFS           0x00000001u
#define NT_SMB2_CAP_LEASING       0x00000002u
#define NT_SMB2_CAP_LARGE_MTU     0x00000004u /* requests may cost several credits */
#define NT_SMB2_CAP_MULTI_CHANNEL 0x00000008u
#define NT_SMB2_CAP_ENCRYPTION    0x00000040u /* 3.0 and 3.0.2; 3.1.1 has a context */

/* Negotiate contexts, 2.2.3.1 */
#define NT_SMB2_CTX_PREAUTH 0x0001
#define NT_SMB2_CTX_CIPHERS 0x0002
#define NT_SMB2_CTX_NETNAME 0x0005
#define NT_SMB2_CTX_SIGNING 0x0008
#define NT_SMB2_SHA512      0x0001

/* SessionFlags of a session set-up's response, 2.2.6 */
#define NT_SMB2_SESSION_GUEST   0x0001
#define NT_SMB2_SESSION_NULL    0x0002
#define NT_SMB2_SESSION_ENCRYPT 0x0004 /* everything of this session is encrypted */
#define NT_SMB2_SESSION_BINDING 0x01   /* Flags of the request, 2.2.5 */

/* Tree connect, 2.2.9-10 */
#define NT_SMB2_TREE_EXTENSION 0x0004 /* Flags of the request, 3.1.1 */
#define NT_SMB2_SHARE_DISK     0x01
#define NT_SMB2_SHARE_PIPE     0x02
#define NT_SMB2_SHARE_PRINT    0x03
#define NT_SMB2_SHARE_NO_CACHE 0x00000030u
#define NT_SMB2_SHARE_ENCRYPT  0x00008000u

/* Create, 2.2.13-14 */
#define NT_SMB2_FILE_OPEN        1u /* CreateDisposition */
#define NT_SMB2_FILE_CREATE      2u
#define NT_SMB2_FILE_OPEN_IF     3u
#define NT_SMB2_FILE_OPENED      1u /* CreateAction */
#define NT_SMB2_IMPERSONATION    2u /* ImpersonationLevel */
#define NT_SMB2_ATTRIBUTE_NORMAL 0x80u
#define NT_SMB2_SHARE_READ_WRITE 0x3u
#define NT_SMB2_PIPE_ACCESS      0x0012019Fu /* read, write, their attributes, synchronize */

/* Close, 2.2.15 */
#define NT_SMB2_CLOSE_QUERY 0x0001

/* Control codes, 2.2.31 */
#define NT_SMB2_FSCTL_DFS_REFERRALS    0x00060194u
#define NT_SMB2_FSCTL_DFS_REFERRALS_EX 0x000601B0u
#define NT_SMB2_FSCTL_PIPE_PEEK        0x0011400Cu
#define NT_SMB2_FSCTL_PIPE_WAIT        0x00110018u
#define NT_SMB2_FSCTL_PIPE_TRANSCEIVE  0x0011C017u
#define NT_SMB2_FSCTL_INTERFACES       0x001401FCu
#define NT_SMB2_FSCTL_VALIDATE         0x00140204u
#define NT_SMB2_IOCTL_IS_FSCTL         0x00000001u

/* InfoType, 2.2.37, and classes of files, [MS-FSCC] 2.4 */
#define NT_SMB2_INFO_FILE         1
#define NT_SMB2_INFO_FILESYSTEM   2
#define NT_SMB2_INFO_SECURITY     3
#define NT_SMB2_INFO_QUOTA        4
#define NT_SMB2_FILE_BASIC        4
#define NT_SMB2_FILE_STANDARD     5
#define NT_SMB2_FILE_NAME         9
#define NT_SMB2_FILE_ALL          18
#define NT_SMB2_FILE_PIPE         23
#define NT_SMB2_FILE_PIPE_LOCAL   24
#define NT_SMB2_FILE_PIPE_REMOTE  25
#define NT_SMB2_FILE_NETWORK_OPEN 34

#endif
