/* computer check and reset: their place in the table of commands. */
#include "cli/computer.h"

const struct cli_command cli_computer_commands[] = {
    { "computer check", "[HOST[@ADDRESS]]", 0, 1,
      "domain user credentials ends kerberos peer-password-fd samba-config secret-file",
      "Check a member's secure channel with its domain",
      "On a member of a domain, as root, without HOST: tries the secret that its Samba keeps with\n"
      "every controller of the domain, and with -U (or -A, -k, the ends file) also looks at the\n"
      "computer's account there: missing, disabled, of another type, when its password was set. "
      "So\n"
      "it says which side changed last, who is at fault, and what to do.\n\n"
      "With HOST another computer is checked, in the domain -d (a NetBIOS or DNS name,\n"
      "DOMAIN@SERVER, or a name of the ends file; by default this computer's own). Its secret is\n"
      "only seen on itself, so then the account is looked at, and the computer is asked at "
      "ADDRESS\n"
      "(or HOST, if that is a DNS name) whether its secure channel is good, which Windows "
      "answers.\n"
      "A second -U is that computer's own administrator.\n\n"
      "What cannot be seen is said to be unknown. Exits 0 when all is good, 1 with a warning, 2\n"
      "when the channel is broken, 3 when it cannot be told. See ntrust-computer(1).",
      cli_computer_check },
    { "computer reset", "[HOST]", 0, 1,
      "domain user credentials ends kerberos peer-password-fd samba-config secret-file dry-run "
      "create",
      "Make a member's secure channel good at both sides",
      "On the member, as root, with an administrator of the domain (-U): gives the computer's\n"
      "account a new random secret, enables it, has Samba store the same secret (net\n"
      "changesecretpw), and has it proven by every controller and by Samba. When it is "
      "interrupted,\n"
      "run it again.\n\n"
      "For a Samba member that is elsewhere, --secret-file names a file that the new secret is "
      "put\n"
      "into, for 'net changesecretpw -f -i < FILE' there. Windows can only be reset from itself; "
      "the\n"
      "command for that is told. See ntrust-computer(1).",
      cli_computer_reset },
    { 0 },
};
